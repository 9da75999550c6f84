//! Lease, plan, waves, convergence, rollback, releases: a pure core and a thin driver. Never prints.
