//! Which objects to list.

/// Which services, networks, configs or secrets to list: those that carry *all* of the labels and, if names are given, have
/// *one* of the names. The empty filter lists everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Labels with their values, all of which must be there.
    pub labels: Vec<(String, String)>,
    /// Exact names, one of which must be the object's. (The engine itself compares prefixes; [`crate::Client`] does not.)
    pub names: Vec<String>,
}

impl Filter {
    /// Everything.
    pub fn all() -> Self {
        Self::default()
    }

    /// Objects with this label.
    pub fn label(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self::all().and_label(key, value)
    }

    /// Objects of the stack, by the label that `docker stack deploy` gives them.
    pub fn stack(name: &str) -> Self {
        Self::label("com.docker.stack.namespace", name)
    }

    /// Objects with one of these exact names.
    pub fn names<I: IntoIterator<Item: Into<String>>>(names: I) -> Self {
        Self { labels: Vec::new(), names: names.into_iter().map(Into::into).collect() }
    }

    /// The same, and with this label too.
    #[must_use]
    pub fn and_label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.push((key.into(), value.into()));
        self
    }

    /// Whether an object of this name passes the filter's names.
    pub fn admits_name(&self, name: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|wanted| wanted == name)
    }
}
