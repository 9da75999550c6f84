//! Whether an installed extension can still be loaded: the volume may have come from another image.

use std::time::Duration;

use tokio_postgres::types::Type;

use crate::connect::Connection;
use crate::error::MigrateError;
use crate::query;

/// How long the server may take to load a library.
const LOADING_LIMIT: Duration = Duration::from_mins(1);

/// Loads the extension's libraries by planning a call of one function of each, without executing it: the function is
/// strict and its argument is null, but the executor loads the library before it looks at arguments.
pub(super) async fn gone(control: &Connection, extension: &str) -> Result<Option<String>, MigrateError> {
    const DOING: &str = "looking for an extension's libraries";
    let sql = "SELECT DISTINCT ON (p.probin) format('SELECT %s(%s) FROM (SELECT %s OFFSET 0) AS x', \
                 p.oid::regproc, \
                 (SELECT string_agg('a' || i, ', ') FROM generate_series(1, p.pronargs) AS i), \
                 (SELECT string_agg(format('NULL::%s AS a%s', format_type(t, NULL), i), ', ') \
                  FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY AS u(t, i))) \
               FROM pg_extension e \
               JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid \
                 AND d.deptype = 'e' AND d.classid = 'pg_proc'::regclass \
               JOIN pg_proc p ON p.oid = d.objid JOIN pg_language l ON l.oid = p.prolang \
               WHERE e.extname = $1 AND l.lanname = 'c' AND p.prokind = 'f' AND p.proisstrict \
                 AND NOT p.proretset AND p.pronargs BETWEEN 1 AND 4 \
                 AND has_function_privilege(p.oid, 'EXECUTE') \
                 AND has_schema_privilege(p.pronamespace, 'USAGE') \
                 AND p.prorettype NOT IN ('trigger'::regtype, 'internal'::regtype, 'event_trigger'::regtype) \
                 AND NOT EXISTS (SELECT FROM unnest(p.proargtypes::oid[]) AS a(t) \
                                 JOIN pg_type y ON y.oid = a.t WHERE y.typtype = 'p') \
               ORDER BY p.probin, p.oid";
    let rows = query::rows(&control.client, DOING, sql, &[(&extension, Type::TEXT)]).await?;
    for row in &rows {
        let probe: String = query::get(row, 0, DOING)?;
        let probed = query::bounded(DOING, LOADING_LIMIT, control.client.batch_execute(&probe)).await?;
        let Err(error) = probed else { continue };
        if let Some(server) = error.as_db_error()
            && server.code().code() == "58P01"
        {
            return Ok(Some(server.message().to_owned()));
        }
    }
    Ok(None)
}
