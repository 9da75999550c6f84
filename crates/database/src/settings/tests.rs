//! What each source gives, and which source wins.

use std::fs;

use super::*;

fn settings(variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    resolve(&Variables::of(variables.iter().copied()), None)
}

fn url(text: &str) -> Settings {
    settings(&[("DATABASE_URL", text)]).unwrap()
}

#[test]
fn urls_of_sqlalchemy_and_libpq_name_the_same_places() {
    let cases = [
        ("postgresql+psycopg2://u:p@db:6000/name", "u@db:6000/name"),
        ("postgres://u@db/name", "u@db:5432/name"),
        ("postgresql+asyncpg://u:p%40%2F@[::1]:6000/name?ssl=require", "u@::1:6000/name"),
        ("postgresql://u@/name?host=/run/pg&port=6000", "u@/run/pg:6000/name"),
        ("postgresql+psycopg2://u@/name?host=a:1&host=b:2", "u@a:1,b:2/name"),
        ("postgresql://u@a,b/name?port=1,2", "u@a:1,b:2/name"),
        ("postgresql://u@%2Frun%2Fpg/name", "u@/run/pg:5432/name"),
        ("postgresql+pg8000://u@/name?unix_sock=/run/pg/.s.PGSQL.7000", "u@/run/pg:7000/name"),
        ("postgresql://u@db", "u@db:5432/u"),
    ];
    for (text, place) in cases {
        assert_eq!(url(text).place(), place, "{text}");
    }
}

#[test]
fn passwords_are_decoded_and_hidden() {
    for text in ["postgresql://u:p%40s%25s%2F@h/d", "postgresql://u:p@s%25s%2F@h/d"] {
        let settings = url(text);
        assert_eq!(settings.password.as_ref().map(Secret::reveal), Some("p@s%s/"), "{text}");
        assert!(!format!("{settings:?}").contains("p@s"), "the password shows in {settings:?}");
    }
}

#[test]
fn a_password_that_is_not_encoded_is_read_as_sqlalchemy_does_or_not_shown() {
    let found = url("postgresql://u:p?s@h/d?sslmode=require");
    assert_eq!(found.password.as_ref().map(Secret::reveal), Some("p?s"));
    assert_eq!((found.place().as_str(), found.tls.mode), ("u@h:5432/d", TlsMode::Require));
    assert_eq!(url("postgresql://h/d?user=a%40b").place(), "a@b@h:5432/d");
    // What is left where no `@` says that it was a password.
    let error = settings(&[("DATABASE_URL", "postgresql://u:hunter2")]).unwrap_err();
    assert!(!format!("{error} {error:?} {}", error.hint()).contains("hunter2"), "{error}");
}

#[test]
fn options_and_encryption_come_from_the_query() {
    let settings =
        url("postgresql://u@h/d?options=-csearch_path%3Dapp&sslmode=verify-full&sslrootcert=/ca.pem");
    assert_eq!(settings.options.as_deref(), Some("-csearch_path=app"));
    assert_eq!(settings.tls.mode, TlsMode::VerifyFull);
    assert_eq!(settings.tls.root_certificates.as_deref(), Some(std::path::Path::new("/ca.pem")));
}

#[test]
fn the_first_source_wins_and_libpq_fills_the_gaps() {
    let both = [
        ("TIDEGATE_DATABASE_URL", "postgresql://one@h/d"),
        ("DATABASE_URL", "postgresql://two@h/d"),
        ("PGUSER", "three"),
        ("PGPASSWORD", "secret"),
    ];
    let found = settings(&both).unwrap();
    assert_eq!((found.user.as_str(), found.source.as_str()), ("one", "TIDEGATE_DATABASE_URL"));
    assert_eq!(found.password, Some(Secret::new("secret")));
    let found = settings(&[("PGHOST", "h"), ("PGUSER", "three"), ("PGPORT", "7")]).unwrap();
    assert_eq!(found.place(), "three@h:7/three");
    let configured = resolve(&Variables::default(), Some("postgresql://ini@h/d")).unwrap();
    assert_eq!(configured.user, "ini");
}

#[test]
fn secrets_come_from_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("url");
    fs::write(&path, "postgresql://u:p@h/d\n").unwrap();
    let path = path.to_str().unwrap();
    assert_eq!(settings(&[("DATABASE_URL_FILE", path)]).unwrap().source, "DATABASE_URL_FILE");
    let both = settings(&[("DATABASE_URL_FILE", path), ("DATABASE_URL", "postgresql://u@h/d")]);
    assert_eq!(both, Err(SettingsError::Both("DATABASE_URL".to_owned())));
    let missing = settings(&[("PGHOST", "h"), ("PGPASSWORD_FILE", "/nonexistent/secret")]).unwrap_err();
    assert_eq!(
        missing.to_string(),
        "PGPASSWORD_FILE names /nonexistent/secret, which cannot be read: No such file or directory (os error 2)"
    );
}

#[test]
fn service_and_password_files_are_libpqs() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let services = folder.path().join("services");
    let passwords = folder.path().join("pgpass");
    fs::write(&services, "# a comment\n[other]\nhost=no\n[app]\nhost=db\nport=6000\nuser=u\ndbname=d\n")
        .unwrap();
    fs::write(&passwords, "other:*:*:*:no\ndb:6000:*:u:a\\:b\n").unwrap();
    let variables = [
        ("PGSERVICE", "app"),
        ("PGSERVICEFILE", services.to_str().unwrap()),
        ("PGPASSFILE", passwords.to_str().unwrap()),
    ];
    fs::set_permissions(&passwords, fs::Permissions::from_mode(0o600)).unwrap();
    let found = settings(&variables).unwrap();
    assert_eq!((found.place().as_str(), found.password), ("u@db:6000/d", Some(Secret::new("a:b"))));
    fs::set_permissions(&passwords, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(settings(&variables).unwrap().password, None, "a file that all may read is not used");
}

#[test]
fn refusals_say_what_to_write_and_never_show_the_url() {
    let cases = [
        (
            "mysql://u:hunter22@h/d",
            "DATABASE_URL is not a PostgreSQL URL: it is for \"mysql\", and Tidegate speaks only PostgreSQL",
        ),
        ("u:hunter22@h/d", "DATABASE_URL is not a PostgreSQL URL: it has no ://"),
        (
            "postgresql://u:hunter22@h:port/d",
            "DATABASE_URL is not a PostgreSQL URL: its port is not a number from 1 to 65535",
        ),
        (
            "postgresql://u:hunter22@h/d?sslmode=on",
            "sslmode in DATABASE_URL is \"on\", but it must be disable, allow, prefer, require, verify-ca or verify-full",
        ),
    ];
    for (text, message) in cases {
        let error = settings(&[("DATABASE_URL", text)]).unwrap_err();
        assert_eq!(error.to_string(), message);
        assert!(!format!("{error:?} {}", error.hint()).contains("hunter22"));
    }
    assert_eq!(settings(&[]), Err(SettingsError::Missing));
}

proptest::proptest! {
    #[test]
    fn any_login_survives_its_encoding(user in "[^\\x00]{1,20}", password in "[^\\x00]{0,30}", database in "[^\\x00]{1,20}") {
        use testbed::postgres::percent;
        let text = format!("postgresql://{}:{}@h:1/{}", percent(&user), percent(&password), percent(&database));
        let found = url(&text);
        proptest::prop_assert_eq!((found.user, found.database), (user, database));
        proptest::prop_assert_eq!(found.password, Some(Secret::new(password)));
    }

    #[test]
    fn no_text_makes_reading_a_url_panic(text in ".{0,60}") {
        let _ = settings(&[("DATABASE_URL", &format!("postgresql://{text}"))]);
        let _ = settings(&[("DATABASE_URL", &text)]);
    }

    #[test]
    fn a_long_password_is_hidden_in_whatever_others_write(
        password in "[a-zA-Z0-9:/@%+ ]{8,30}", before in ".{0,20}", after in ".{0,20}"
    ) {
        let secret = Secret::new(&password);
        let encoded = testbed::postgres::percent(&password);
        let hidden = secret.redact(&format!("{before}{password}{after} {before}{encoded}{after}"));
        proptest::prop_assert!(!hidden.contains(&password) && !hidden.contains(&encoded), "{}", hidden);
    }
}
