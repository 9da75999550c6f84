//! Managers that begin with what others have.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

#[path = "support/deploys.rs"]
mod deploys;

use deploys::{desired, options};
use engine::{Api, Filter};
use sim::{Preload, Sim};

fn stack(release: u32) -> String {
    format!(
        "services:
  db: {{ image: 'db:1', networks: [back] }}
  api: {{ image: 'api:{release}', networks: [back], depends_on: [db], deploy: {{ replicas: 2 }} }}
  proxy: {{ image: 'proxy:1', ports: [{{ target: 80, published: 80, mode: host }}] }}
networks: {{ back: {{}} }}
"
    )
}

#[tokio::test(start_paused = true)]
async fn what_others_have_is_there_with_its_ids_and_a_deploy_goes_on_from_it() {
    let real = Sim::new(3);
    deploy::deploy(&real.another(), desired("shop", &stack(1)), &options("first"), &|_| {}).await.unwrap();
    let copy = Sim::preloaded(1, &Preload::read(&real).await.unwrap());
    let same = async |sim: &Sim| {
        let services = sim.services(&Filter::all()).await.unwrap().into_iter();
        services.map(|service| (service.id, service.version, service.spec)).collect::<Vec<_>>()
    };
    assert_eq!(same(&copy).await, same(&real).await);
    let deployed = async |release: u32, run: &str| {
        let (caller, options) = (copy.another(), options(run));
        deploy::deploy(&caller, desired("shop", &stack(release)), &options, &|_| {}).await.unwrap()
    };
    let before = real.store_writes();
    assert!(!deployed(1, "second").await.changed);
    assert!(deployed(2, "third").await.changed);
    assert!(!deployed(2, "fourth").await.changed);
    assert_eq!(real.store_writes(), before);
}
