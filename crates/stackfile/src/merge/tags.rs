//! `!reset` and `!override` (Compose's newer form): a later file takes an earlier value out, instead of merging.
//!
//! Works on trees, before anything is decoded: what is taken out of the earlier trees is not there to be merged.

use crate::yaml::{MergeTag, Node, Value};

/// Applies the tags of every file to the files before it. A value under `!reset` is removed in its own file as
/// well.
pub(crate) fn apply(files: &mut [&mut Node]) {
    for index in 0..files.len() {
        let mut paths = Vec::new();
        collect(files[index], &mut Vec::new(), &mut paths);
        for path in &paths {
            for earlier in &mut files[..index] {
                remove(earlier, path);
            }
        }
    }
}

/// The paths of tagged values, through mappings only.
fn collect(node: &mut Node, path: &mut Vec<String>, paths: &mut Vec<Vec<String>>) {
    let Value::Map(map) = &mut node.value else { return };
    map.retain(|key, entry| {
        path.push(key.clone());
        let tag = entry.node.tag;
        match tag {
            Some(_) => paths.push(path.clone()),
            None => collect(&mut entry.node, path, paths),
        }
        path.pop();
        tag != Some(MergeTag::Reset)
    });
}

fn remove(node: &mut Node, path: &[String]) {
    let (Value::Map(map), Some((key, rest))) = (&mut node.value, path.split_first()) else { return };
    if rest.is_empty() {
        map.shift_remove(key);
    } else if let Some(entry) = map.get_mut(key) {
        remove(&mut entry.node, rest);
    }
}
