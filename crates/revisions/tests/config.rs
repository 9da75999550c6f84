//! Where the revision files are, for every layout seen in public projects.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::fmt::Write;
use std::path::Path;

use diagnostics::Style;
use revisions::{Config, ConfigOptions, Setting, find_config};
use tempfile::TempDir;

/// Files by name, with their text.
type Files = Vec<(&'static str, &'static str)>;

/// A project folder with these files.
fn project(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

fn options(folder: &TempDir) -> ConfigOptions {
    ConfigOptions { directory: folder.path().to_owned(), ..ConfigOptions::default() }
}

fn locations(folder: &TempDir, config: &Config) -> Vec<String> {
    let relative = |path: &Path| path.strip_prefix(folder.path()).unwrap_or(path).display().to_string();
    config.version_locations.iter().map(|path| relative(path)).collect()
}

#[test]
fn version_locations_are_found_in_every_layout() {
    let env = ("db/env.py", "");
    let cases: Vec<(&str, Files, Vec<&str>)> = vec![
        ("alembic.ini", vec![env, ("alembic.ini", "[alembic]\nscript_location = db\n")], vec!["db/versions"]),
        (
            "%(here)s",
            vec![env, ("alembic.ini", "[alembic]\nscript_location = %(here)s/db\n")],
            vec!["db/versions"],
        ),
        (
            "only in DEFAULT",
            vec![env, ("alembic.ini", "[DEFAULT]\nscript_location = db\n[alembic]\n")],
            vec!["db/versions"],
        ),
        (
            "several, split by the separator",
            vec![
                env,
                (
                    "alembic.ini",
                    "[alembic]\nscript_location = db\npath_separator = newline\nversion_path_separator = :\nversion_locations =\n    %(here)s/a b\n    c\n",
                ),
            ],
            vec!["a b", "c"],
        ),
        (
            "several, the old separator",
            vec![
                env,
                (
                    "alembic.ini",
                    "[alembic]\nscript_location = db\nversion_path_separator = os\nversion_locations = a:b\n",
                ),
            ],
            vec!["a", "b"],
        ),
        (
            "several, without a separator",
            vec![env, ("alembic.ini", "[alembic]\nscript_location = db\nversion_locations = a, b c\n")],
            vec!["a", "b", "c"],
        ),
        (
            "pyproject.toml",
            vec![
                env,
                (
                    "pyproject.toml",
                    "[tool.alembic]\nscript_location = \"%(here)s/db\"\nversion_locations = [\"a\", \"%(here)s/b\"]\n",
                ),
            ],
            vec!["a", "b"],
        ),
        (
            "the INI file wins key by key",
            vec![
                env,
                ("alembic.ini", "[alembic]\nscript_location = db\n"),
                (
                    "pyproject.toml",
                    "[tool.alembic]\nscript_location = \"nowhere\"\nversion_locations = [\"b\"]\n",
                ),
            ],
            vec!["b"],
        ),
        (
            "a pyproject.toml of another tool",
            vec![
                env,
                ("alembic.ini", "[alembic]\nscript_location = db\n"),
                ("pyproject.toml", "[tool.other]\n"),
            ],
            vec!["db/versions"],
        ),
        (
            "Flask-Migrate",
            vec![("migrations/env.py", ""), ("migrations/alembic.ini", "[alembic]\n# nothing\n")],
            vec!["migrations/versions"],
        ),
        (
            "inside a package",
            vec![("app/db/env.py", ""), ("alembic.ini", "[alembic]\nscript_location = app:db\n")],
            vec!["app/db/versions"],
        ),
        (
            "inside a package on prepend_sys_path",
            vec![
                ("lib/app/db/env.py", ""),
                ("alembic.ini", "[alembic]\nscript_location = app:db\nprepend_sys_path = .:lib\n"),
            ],
            vec!["lib/app/db/versions"],
        ),
    ];
    for (name, files, expected) in cases {
        let folder = project(&files);
        let config = find_config(&options(&folder)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(locations(&folder, &config), expected, "{name}");
    }
}

#[test]
fn a_file_a_folder_a_section_and_the_environment_can_be_named() {
    let ini = "[alembic]\nscript_location = one\n[other]\nscript_location = two\n";
    let folder = project(&[
        ("one/env.py", ""),
        ("two/env.py", ""),
        ("conf/my.ini", ini),
        ("custom/env.py", ""),
        ("custom/alembic.ini", "[alembic]\n"),
        ("pyproject.toml", "[tool.alembic]\nrecursive_version_locations = true\n"),
    ]);
    let with = |change: fn(&mut ConfigOptions)| {
        let mut options = options(&folder);
        change(&mut options);
        find_config(&options).unwrap()
    };
    let named = with(|options| options.files = vec!["conf/my.ini".into()]);
    assert_eq!(locations(&folder, &named), ["one/versions"]);
    // The INI file says nothing about it, so pyproject.toml decides.
    assert!(named.recursive);
    let section = with(|options| {
        options.files = vec!["conf/my.ini".into()];
        options.section = Some("other".to_owned());
    });
    assert_eq!(locations(&folder, &section), ["two/versions"]);
    let from_environment = with(|options| {
        options.environment.insert("ALEMBIC_CONFIG".to_owned(), "conf/my.ini".to_owned());
    });
    assert_eq!(from_environment, named);
    let flask = with(|options| options.files = vec!["custom".into()]);
    assert_eq!(locations(&folder, &flask), ["custom/versions"]);
}

#[test]
fn the_version_table_and_the_url_are_read_and_the_url_is_never_shown() {
    let env = "context.configure(url=url, version_table='v', version_table_schema=SCHEMA)\n";
    let ini = "[alembic]\nscript_location = db\nsqlalchemy.url = postgresql://me:p%%40ss@db/app\n";
    let folder = project(&[("db/env.py", env), ("alembic.ini", ini)]);
    let config = find_config(&options(&folder)).unwrap();
    assert_eq!(config.version_table, Setting::Literal("v".to_owned()));
    assert!(matches!(&config.version_table_schema, Setting::Dynamic(place) if place.line() == 1));
    assert_eq!(config.sqlalchemy_url.as_ref().unwrap().expose(), "postgresql://me:p%40ss@db/app");
    assert!(!format!("{config:?}").contains("p%40ss"));
}

#[test]
fn what_cannot_be_used_is_refused_with_its_line_and_the_way_out() {
    let env = ("db/env.py", "");
    let cases: Vec<(&str, Files)> = vec![
        ("nothing at all", vec![]),
        ("no section", vec![("alembic.ini", "[alembik]\nscript_location = db\n"), env]),
        ("no script_location", vec![("alembic.ini", "[alembic]\n")]),
        ("a folder that is not there", vec![("alembic.ini", "[alembic]\nscript_location = dp\n"), env]),
        (
            "a comment in the value",
            vec![("alembic.ini", "[alembic]\nscript_location = db  # the folder\n"), env],
        ),
        (
            "a comment after the separator",
            vec![
                (
                    "alembic.ini",
                    "[alembic]\nscript_location = db\nversion_locations = a\npath_separator = os  ; here\n",
                ),
                env,
            ],
        ),
        ("a percent sign", vec![("alembic.ini", "[alembic]\nscript_location = db%\n"), env]),
        (
            "a line of nonsense beside a password",
            vec![
                (
                    "alembic.ini",
                    "[alembic]\nsqlalchemy.url = postgresql://me:s3cret@db/a\nsqlalchemy.url = postgresql://me:s3cret@db/b\n",
                ),
                env,
            ],
        ),
        ("a package that is not there", vec![("alembic.ini", "[alembic]\nscript_location = app:db\n")]),
        ("broken TOML", vec![("pyproject.toml", "[tool.alembic]\nscript_location = \n")]),
        (
            "a list that is a string",
            vec![
                env,
                ("pyproject.toml", "[tool.alembic]\nscript_location = \"db\"\nversion_locations = \"a\"\n"),
            ],
        ),
    ];
    let mut text = String::new();
    for (name, files) in cases {
        let folder = project(&files);
        let Err(error) = find_config(&options(&folder)) else { panic!("{name} was accepted") };
        assert!(error.help.is_some(), "{name}");
        let shown = error.render(Style::Plain).replace(&folder.path().display().to_string(), "/app");
        writeln!(text, "# {name}\n\n{shown}\n").unwrap();
    }
    assert!(!text.contains("s3cret"));
    insta::assert_snapshot!(text);
}
