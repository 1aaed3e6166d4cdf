//! Schedules, and those that functions bring along.

use std::sync::Arc;

use basalt_app::Db;
use basalt_app::functions::{CatchUp, Overlap, Registry};
use basalt_app::schedules::{Brought, Schedules, SchedulesParts};
use basalt_data::manifest::{self, ScheduleSection};

use super::Functions;

pub(super) fn wire(db: Db, functions: &Functions) -> Schedules {
    let (brought, receiver) = (Arc::new(OfFunctions(functions.registry.clone())), Arc::new(functions.calls.clone()));
    Schedules::new(SchedulesParts { db, brought, receiver })
}

struct OfFunctions(Registry);

impl Brought for OfFunctions {
    fn schedules(&self) -> Vec<(String, ScheduleSection)> {
        let deployed = self.0.deployed();
        let sections = deployed.schedules().into_iter().map(|scheduled| {
            let (function, schedule) = (scheduled.function.to_string(), scheduled.schedule);
            let section = ScheduleSection {
                cron: schedule.cron,
                timezone: Some(schedule.timezone),
                function: function.clone(),
                input: None,
                catch_up: match schedule.catch_up {
                    CatchUp::One => manifest::CatchUp::One,
                    CatchUp::None => manifest::CatchUp::None,
                },
                overlap: match schedule.overlap {
                    Overlap::Skip => manifest::Overlap::Skip,
                    Overlap::Allow => manifest::Overlap::Allow,
                },
                enabled: true,
            };
            (function, section)
        });
        sections.collect()
    }
}
