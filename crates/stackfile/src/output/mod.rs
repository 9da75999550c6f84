//! The resolved stack, printed as `docker stack config` prints it: the same keys in the same order, the same
//! quoting, byte for byte.

mod natural;
mod objects;
mod service;
mod tree;
mod yaml;

use crate::model::Stack;
use tree::{Tree, keyed};

/// The resolved stack as `docker stack config` prints it.
pub fn config_yaml(stack: &Stack) -> String {
    yaml::emit(&tree(stack))
}

/// The same as JSON.
pub fn config_json(stack: &Stack) -> serde_json::Value {
    tree(stack).to_json()
}

fn tree(stack: &Stack) -> Tree {
    let mut file = tree::Fields::new();
    file.set("version", Tree::text(&stack.version));
    file.set("services", keyed(&stack.services, service::service));
    file.set_unless_empty("networks", keyed(&stack.networks, objects::network));
    file.set_unless_empty("volumes", keyed(&stack.volumes, objects::volume));
    file.set_unless_empty("secrets", keyed(&stack.secrets, objects::file_object));
    file.set_unless_empty("configs", keyed(&stack.configs, objects::file_object));
    file.extensions(&stack.extensions);
    file.into_tree()
}
