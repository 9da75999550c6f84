//! Extensions on a real server: created when missing, explained when that is refused.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use database::{Environment, Options};
use support::{Project, server, text, url_as};

const GEOMETRY: &str = "from geoalchemy2 import Geometry\nop.create_table('zones', sa.Column('shape', \
                        Geometry('MULTIPOLYGON', 4326)))";

fn with_extensions(project: &Project, extensions: &[&str]) -> Options {
    Options { extensions: extensions.iter().map(|name| (*name).to_owned()).collect(), ..project.options() }
}

/// A project whose database belongs to a role that is no superuser.
fn unprivileged(role: &str, project: Project) -> Project {
    server().sql("postgres", &format!("CREATE ROLE {role} LOGIN PASSWORD 'canary-secret'"));
    server().sql("postgres", &format!("ALTER DATABASE {} OWNER TO {role}", project.database));
    let url = url_as(role, "canary-secret", &project.database);
    let mut project = project;
    project.url = url;
    project
}

#[test]
fn a_volume_without_postgis_gets_it() {
    let mut project = Project::new().revision("g1", "None", GEOMETRY);
    let stock = text(&project.alembic(&["upgrade", "head"]));
    assert!(stock.contains("type \"geometry\" does not exist"), "{stock}");
    // The order in the list does not matter: postgis_topology builds on postgis.
    let options = with_extensions(&project, &["postgis_topology", "postgis"]);
    let run = project.run(&options).ok();
    assert_eq!(
        run.messages("extension"),
        ["extension postgis: created", "extension postgis_topology: created"]
    );
    assert!(project.has("zones"));
    assert_eq!(project.run(&options).ok().outcome(), "Current");
}

#[test]
fn an_extension_that_nobody_named_is_found_in_the_revision_files() {
    let mut project = Project::new().revision("g1", "None", GEOMETRY);
    let run = project.migrate().ok();
    let told = run.messages("extension").join("\n");
    assert!(told.starts_with("extension postgis: created, because "), "{told}");
    assert!(told.contains("g1.py:"), "{told}");
    assert!(project.has("zones"));
}

#[test]
fn without_the_right_to_create_it_production_stops_before_alembic_and_development_warns() {
    let mut project =
        unprivileged("app_42501", Project::new().revision("g1", "None", &support::table("plain")));
    for environment in [Environment::Production, Environment::Staging] {
        let options = Options { environment, ..with_extensions(&project, &["postgis"]) };
        let run = project.run(&options);
        assert_eq!(
            run.error().to_string(),
            "the extension postgis (named by configuration) is missing, and role app_42501 may not create it: \
             permission denied to create extension \"postgis\""
        );
        let hint = run.error().hint().unwrap();
        let sql = format!(
            "run once as a superuser in database {}: CREATE EXTENSION IF NOT EXISTS \"postgis\";",
            project.database
        );
        assert!(hint.starts_with(&sql), "{hint}");
        assert!(!project.has("alembic_version"), "Alembic has run");
    }
    let options =
        Options { environment: Environment::Development, ..with_extensions(&project, &["postgis"]) };
    let run = project.run(&options).ok();
    assert!(run.messages("warning")[0].contains("may not create it"), "{:?}", run.messages("warning"));
    assert!(project.has("plain"));
}

#[test]
fn an_extension_that_the_server_does_not_have_is_told_apart() {
    let mut project = Project::line();
    let options = with_extensions(&project, &["nonesuch"]);
    let run = project.run(&options);
    assert_eq!(
        run.error().to_string(),
        "the extension nonesuch (named by configuration) is not installed on the database server"
    );
    assert!(!project.has("one"));
}

#[test]
fn an_extension_off_the_search_path_is_no_extension() {
    let mut project = Project::new().revision("g1", "None", GEOMETRY);
    project.sql("CREATE SCHEMA gis; CREATE EXTENSION postgis SCHEMA gis");
    let options = with_extensions(&project, &["postgis"]);
    let run = project.run(&options);
    assert_eq!(
        run.error().to_string(),
        "the extension postgis (named by configuration) is in schema gis, which the search_path (\"$user\", public) \
         does not reach"
    );
    // As the hint says.
    project.sql(&format!("ALTER DATABASE {} SET search_path TO \"$user\", public, gis", project.database));
    project.run(&options).ok();
    assert!(project.has("zones"));
}

#[test]
fn an_extension_in_the_schema_asked_for_is_fine_wherever_names_are_looked_up() {
    let mut project = Project::line();
    project.sql("CREATE SCHEMA gis");
    let options = with_extensions(&project, &["hstore@gis"]);
    let run = project.run(&options).ok();
    assert_eq!(run.messages("extension"), ["extension hstore: created"]);
    let schema = "SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE extname = 'hstore'";
    assert_eq!(project.sql(schema), "gis");
    let elsewhere = with_extensions(&project, &["hstore@public"]);
    let run = project.run(&elsewhere);
    assert!(run.error().to_string().contains("is in schema gis, but configuration asks for schema public"));
}

#[test]
fn an_extension_whose_library_is_gone_is_found_by_loading_it() {
    let mut project = Project::line();
    project.sql("CREATE EXTENSION citext; CREATE EXTENSION hstore");
    let named = with_extensions(&project, &["citext", "hstore"]);
    // What an image without the extension leaves: the row and the functions are there, the library is not.
    project
        .sql("UPDATE pg_proc SET probin = '$libdir/hstore-of-another-image' WHERE probin = '$libdir/hstore'");
    let run = project.run(&named);
    assert_eq!(
        run.error().to_string(),
        "the extension hstore (named by configuration) is recorded in the database, but the server's files of it are \
         gone: could not access file \"$libdir/hstore-of-another-image\": No such file or directory"
    );
}

#[test]
fn an_extension_that_went_away_with_the_image_is_found_although_there_is_nothing_to_migrate() {
    let mut project = Project::line();
    project.sql("CREATE EXTENSION hstore");
    let options = with_extensions(&project, &["hstore"]);
    project.run(&options).ok();
    // An image without it has neither a control file of that name nor the library.
    project.sql("UPDATE pg_extension SET extname = 'gone' WHERE extname = 'hstore'");
    project.sql("UPDATE pg_proc SET probin = '$libdir/gone' WHERE probin = '$libdir/hstore'");
    let options = with_extensions(&project, &["gone"]);
    let run = project.run(&options);
    assert!(
        run.error()
            .to_string()
            .ends_with("could not access file \"$libdir/gone\": No such file or directory"),
        "{}",
        run.error()
    );
}

#[test]
fn an_older_version_is_told_and_used() {
    let mut project = Project::line();
    project.sql("CREATE EXTENSION hstore VERSION '1.4'");
    let options = with_extensions(&project, &["hstore"]);
    let run = project.run(&options).ok();
    let told = run.messages("extension").join("\n");
    assert!(told.starts_with("extension hstore: version 1.4 is installed, "), "{told}");
    assert!(told.contains("ALTER EXTENSION \"hstore\" UPDATE;"), "{told}");
    let options = Options { update_extensions: true, ..options };
    let run = project.run(&options).ok();
    assert!(run.messages("extension")[0].starts_with("extension hstore: updated from 1.4 to "));
    assert_eq!(project.run(&options).ok().outcome(), "Current");
}

#[test]
fn a_read_only_database_and_objects_in_the_way_have_their_own_words() {
    let mut project = unprivileged("app_25006", Project::line());
    project.sql(&format!("ALTER DATABASE {} SET default_transaction_read_only = on", project.database));
    let options = with_extensions(&project, &["citext"]);
    let run = project.run(&options);
    assert!(run.error().to_string().contains("this server is read-only"), "{}", run.error());

    let mut project = Project::line();
    project.sql("CREATE EXTENSION postgis; CREATE SCHEMA topology; CREATE TABLE topology.topology (id int)");
    let options = with_extensions(&project, &["postgis", "postgis_topology"]);
    let run = project.run(&options);
    assert!(
        run.error().to_string().contains("objects of its name are there, as after restoring a dump"),
        "{}",
        run.error()
    );
}

#[test]
fn a_creator_that_knows_no_lock_is_no_failure() {
    let mut project = Project::line();
    let mut session = server().psql_command(&project.database);
    let sql = "BEGIN; CREATE EXTENSION citext; SELECT pg_sleep(1.5); COMMIT";
    let mut other = session.args(["-c", sql]).stdout(std::process::Stdio::null()).spawn().unwrap();
    let asleep =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
    while project.sql(asleep) != "1" {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let options = with_extensions(&project, &["citext"]);
    let run = project.run(&options).ok();
    assert!(other.wait().unwrap().success());
    assert_eq!(
        run.messages("extension"),
        ["extension citext: created by another session at the same moment"]
    );
}
