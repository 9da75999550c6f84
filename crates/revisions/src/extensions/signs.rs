//! The words that give an extension away. Each list names its source: the extension's own documentation.

/// Types of a Python package: the class, its package, the extension.
pub(super) const CLASSES: [(&str, &str, &str); 13] = [
    ("Geometry", "geoalchemy2", "postgis"),
    ("Geography", "geoalchemy2", "postgis"),
    ("Raster", "geoalchemy2", "postgis_raster"),
    ("Vector", "pgvector", "vector"),
    ("VECTOR", "pgvector", "vector"),
    ("HALFVEC", "pgvector", "vector"),
    ("SPARSEVEC", "pgvector", "vector"),
    ("CITEXT", "sqlalchemy", "citext"),
    ("CIText", "citext", "citext"),
    ("HSTORE", "sqlalchemy", "hstore"),
    ("LtreeType", "sqlalchemy_utils", "ltree"),
    ("Ltree", "sqlalchemy_utils", "ltree"),
    ("LTREE", "sqlalchemy_utils", "ltree"),
];

/// Types as SQL names them.
pub(super) const TYPES: [(&str, &str); 12] = [
    ("geometry", "postgis"),
    ("geography", "postgis"),
    ("raster", "postgis_raster"),
    ("topogeometry", "postgis_topology"),
    ("citext", "citext"),
    ("hstore", "hstore"),
    ("ltree", "ltree"),
    ("cube", "cube"),
    ("vector", "vector"),
    ("halfvec", "vector"),
    ("sparsevec", "vector"),
    ("h3index", "h3"),
];

/// Functions, recognised when an opening parenthesis follows.
pub(super) const FUNCTIONS: [(&str, &str); 31] = [
    ("uuid_generate_v1", "uuid-ossp"),
    ("uuid_generate_v1mc", "uuid-ossp"),
    ("uuid_generate_v3", "uuid-ossp"),
    ("uuid_generate_v4", "uuid-ossp"),
    ("uuid_generate_v5", "uuid-ossp"),
    ("uuid_nil", "uuid-ossp"),
    ("addgeometrycolumn", "postgis"),
    ("populate_geometry_columns", "postgis"),
    ("updategeometrysrid", "postgis"),
    ("gen_salt", "pgcrypto"),
    ("crypt", "pgcrypto"),
    ("gen_random_bytes", "pgcrypto"),
    ("pgp_sym_encrypt", "pgcrypto"),
    ("pgp_sym_decrypt", "pgcrypto"),
    ("pgp_pub_encrypt", "pgcrypto"),
    ("pgp_pub_decrypt", "pgcrypto"),
    ("similarity", "pg_trgm"),
    ("word_similarity", "pg_trgm"),
    ("show_trgm", "pg_trgm"),
    ("unaccent", "unaccent"),
    ("levenshtein", "fuzzystrmatch"),
    ("soundex", "fuzzystrmatch"),
    ("dmetaphone", "fuzzystrmatch"),
    ("crosstab", "tablefunc"),
    ("dblink", "dblink"),
    ("dblink_connect", "dblink"),
    ("create_hypertable", "timescaledb"),
    ("earth_distance", "earthdistance"),
    ("ll_to_earth", "earthdistance"),
    ("createtopology", "postgis_topology"),
    ("svals", "hstore"),
];

/// PostGIS names its functions alike.
pub(super) const POSTGIS_PREFIX: &str = "st_";

/// Operator classes, which also occur alone in `postgresql_ops`.
pub(super) const OPERATOR_CLASSES: [(&str, &str); 19] = [
    ("gin_trgm_ops", "pg_trgm"),
    ("gist_trgm_ops", "pg_trgm"),
    ("gin_hstore_ops", "hstore"),
    ("gist_hstore_ops", "hstore"),
    ("gist_ltree_ops", "ltree"),
    ("gin__int_ops", "intarray"),
    ("gist__int_ops", "intarray"),
    ("gist__intbig_ops", "intarray"),
    ("gist_geometry_ops_2d", "postgis"),
    ("gist_geometry_ops_nd", "postgis"),
    ("spgist_geometry_ops_2d", "postgis"),
    ("brin_geometry_inclusion_ops_2d", "postgis"),
    ("gist_geography_ops", "postgis"),
    ("vector_l2_ops", "vector"),
    ("vector_ip_ops", "vector"),
    ("vector_cosine_ops", "vector"),
    ("halfvec_l2_ops", "vector"),
    ("halfvec_cosine_ops", "vector"),
    ("gist_cube_ops", "cube"),
];

/// Foreign data wrappers, recognised after FOREIGN DATA WRAPPER.
pub(super) const WRAPPERS: [&str; 2] = ["postgres_fdw", "file_fdw"];

/// Whether a text holds any of the words at all: most revision files need no second look.
pub(super) fn may_hold_any(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let words = |names: &[(&str, &str)]| names.iter().any(|(name, _)| text.contains(name));
    text.contains("extension")
        || text.contains(POSTGIS_PREFIX)
        || words(&TYPES)
        || words(&FUNCTIONS)
        || words(&OPERATOR_CLASSES)
        || WRAPPERS.iter().any(|name| text.contains(name))
        || CLASSES.iter().any(|(class, ..)| text.contains(&class.to_ascii_lowercase()))
}
