//! The main job on the machine's own engine.

#[path = "support/main_job.rs"]
mod main_job;

use testbed::engine::Engine;

#[test]
fn from_nothing_to_the_second_release_and_away() {
    main_job::do_main_job(&Engine::start());
}
