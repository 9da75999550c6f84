//! Which extensions a history needs, from realistic revision files.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::fmt::Write;
use std::path::Path;

use revisions::{History, required_extensions};

fn history(files: &[(&str, Option<&str>, &str)]) -> History {
    let revisions = files.iter().map(|(id, down, body)| {
        let down = down.map_or("None".to_owned(), |down| format!("'{down}'"));
        let text = format!("revision = '{id}'\ndown_revision = {down}\n{body}");
        revisions::read_text(Path::new(&format!("{id}.py")), text.as_bytes()).unwrap()
    });
    History::new(revisions.collect()).unwrap()
}

#[test]
fn needs_are_found_with_their_places_in_upgrade_order() {
    let history = history(&[
        (
            "c1",
            Some("b1"),
            "from alembic import op\nimport sqlalchemy as sa\n\n\ndef upgrade():\n    op.create_index('i', 't', ['n'], \
             postgresql_ops={'n': 'gin_trgm_ops'}, postgresql_using='gin')\n    op.execute(\n        f\"UPDATE {t} \
             SET a = ST_Centroid(b)\"\n    )\n",
        ),
        (
            "a1",
            None,
            "from alembic import op\nimport sqlalchemy as sa\nimport geoalchemy2\nfrom sqlalchemy.dialects import \
             postgresql\n\n\ndef upgrade():\n    op.execute('CREATE EXTENSION IF NOT EXISTS citext')\n    \
             op.create_table('t', sa.Column('shape', geoalchemy2.types.Geometry('POINT', srid=4326)),\n        \
             sa.Column('name', postgresql.CITEXT()),\n        sa.Column('id', sa.UUID(), \
             server_default=sa.text('uuid_generate_v4()')))\n",
        ),
        ("b1", Some("a1"), "from pgvector.sqlalchemy import Vector\n\n\ndef upgrade():\n    x = Vector(3)\n"),
    ]);
    let mut text = String::new();
    for need in required_extensions(&history) {
        writeln!(text, "{} (provided: {})", need.extension, need.provided_by(&history)).unwrap();
        for (what, found) in
            need.uses.iter().map(|u| ("uses", u)).chain(need.created.iter().map(|c| ("creates", c)))
        {
            writeln!(text, "    {} {what} {} at {}", found.revision, found.sign, found.place).unwrap();
        }
    }
    insta::assert_snapshot!(text);
}

#[test]
fn what_only_a_downgrade_a_comment_or_a_column_name_says_is_no_need() {
    let history = history(&[(
        "a1",
        None,
        "\"\"\"Drop geometry::geometry\"\"\"\nimport sqlalchemy as sa\n# CREATE EXTENSION postgis\n\n\ndef upgrade():\n    \
         \"\"\"ALTER TABLE a ADD b hstore\"\"\"\n    sa.Column('geometry', sa.Text())\n    Geometry = 1\n\n\ndef \
         downgrade():\n    op.execute('ALTER TABLE a ADD COLUMN b citext')\n",
    )]);
    assert_eq!(required_extensions(&history), []);
}

#[test]
fn an_extension_created_after_its_first_use_is_not_provided() {
    let uses = "def upgrade():\n    op.execute('ALTER TABLE a ADD b citext')\n";
    let creates = "def upgrade():\n    op.execute('CREATE EXTENSION citext')\n";
    let late = history(&[("a1", None, uses), ("b1", Some("a1"), creates)]);
    let early = history(&[("a1", None, creates), ("b1", Some("a1"), uses)]);
    assert!(!required_extensions(&late)[0].provided_by(&late));
    assert!(required_extensions(&early)[0].provided_by(&early));
}
