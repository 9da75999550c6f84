//! What the tasks have written so far.

use std::time::Duration;

use engine::{LogLine, LogOptions, LogSource};

use super::World;
use super::record::Task;
use crate::behaviour::{environment, expand};
use crate::clock::{moment, timestamp};
use crate::refusal::Refusal;

impl World {
    /// The lines so far, each with the moment at which it was written, oldest first.
    pub(crate) fn log(
        &self,
        source: LogSource<'_>,
        options: &LogOptions,
    ) -> Result<Vec<(Duration, LogLine)>, Refusal> {
        let tasks: Vec<&Task> = match source {
            LogSource::Service(id_or_name) => {
                let service = self.find_service(id_or_name);
                let service = service.ok_or_else(|| Refusal::not_found("service", id_or_name))?;
                self.tasks_of(&service.id).map(|(_, task)| task).collect()
            }
            LogSource::Task(id) => {
                let task = self.tasks.values().find(|task| task.id == id);
                vec![task.ok_or_else(|| Refusal::not_found("task", id))?]
            }
        };
        let mut lines: Vec<(Duration, LogLine)> = Vec::new();
        for task in tasks {
            let written = self
                .written_by(task)
                .filter(|(at, _)| options.since.is_none_or(|since| moment(*at).as_second() >= since));
            let written: Vec<_> = written.collect();
            let tail = options.tail.map_or(written.len(), |tail| usize::try_from(tail).unwrap_or(usize::MAX));
            let skipped = written.len().saturating_sub(tail);
            lines.extend(written.into_iter().skip(skipped));
        }
        lines.sort_by_key(|(at, _)| *at);
        Ok(lines)
    }

    fn written_by<'a>(&'a self, task: &'a Task) -> impl Iterator<Item = (Duration, LogLine)> + 'a {
        let environment = environment(task.template());
        let until = task.ended.unwrap_or(self.now).min(self.now);
        task.started.into_iter().flat_map(move |started| {
            let environment = environment.clone();
            let lines = task.behaviour.log.iter().map(move |(after, stream, line)| {
                let at = started + *after;
                let text = expand(line, &environment);
                (at, LogLine { stream: *stream, time: timestamp(at), task_id: task.id.clone(), text })
            });
            lines.filter(move |(at, _)| *at <= until)
        })
    }
}
