//! Containers that do not end are ended, whatever they do with their output.

use std::time::{Duration, Instant};

use camino::Utf8Path;
use host::cancel::Cancel;
use host::engine::{ContainerSpec, Engine, EngineError, Privileges, Surroundings};
use host::session::Session;

use crate::prepared::{Ready, cache};

#[test]
#[ignore = "needs a container engine"]
fn a_container_that_closes_its_output_and_runs_on_meets_its_deadline() {
    let _image_is_there = Ready::new();
    let cache = cache();
    let cache = Utf8Path::from_path(&cache).expect("a UTF-8 path");
    let session = Session::start(cache).expect("a session");
    let engine = Engine::connect(cache, session, Cancel::new()).expect("an engine");
    let images = engine
        .images("mptcp-kernels/debian-13")
        .expect("the engine's images");
    let run = |script: &str, deadline| {
        let container = engine
            .create(&ContainerSpec {
                purpose: "deadline".to_owned(),
                image: images.first().expect("the build container's image").clone(),
                command: ["sh", "-c", script].map(str::to_owned).to_vec(),
                environment: Vec::new(),
                mounts: Vec::new(),
                privileges: Privileges::None,
                memory: 0,
                terminal: false,
                surroundings: Surroundings::default(),
            })
            .expect("a container");
        container.run(deadline, |_, _| {})
    };
    let start = Instant::now();
    let silent = run("exec >&- 2>&-; exec sleep 600", Duration::from_secs(3));
    assert!(
        matches!(silent, Err(EngineError::Deadline { .. })),
        "{silent:?}"
    );
    assert!(
        start.elapsed() < Duration::from_secs(60),
        "{:?}",
        start.elapsed()
    );
    // One that ends in time has its own status, even if its last word came long before.
    let exit = run(
        "echo x; exec >&- 2>&-; sleep 2; exit 7",
        Duration::from_secs(60),
    );
    assert_eq!(exit.expect("an end").code, 7);
}
