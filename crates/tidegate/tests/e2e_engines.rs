//! The main job on newer engines than the machine's own.

#[path = "support/main_job.rs"]
mod main_job;

use testbed::engine::Engine;

#[track_caller]
fn do_main_job_on(version: &str) {
    let Some(engine) = Engine::start_version(version) else { return };
    assert!(engine.version().starts_with(&format!("{version}.")), "{}", engine.version());
    main_job::do_main_job(&engine);
}

#[test]
fn the_main_job_on_engine_26_1() {
    do_main_job_on("26.1");
}

#[test]
fn the_main_job_on_engine_28_5() {
    do_main_job_on("28.5");
}
