//! The crate itself, as a user writes it.

use std::error::Error;
use std::sync::Arc;

use reapool::{Dispatcher, Durability, Files, Targets};

use super::super::pair::Pair;
use super::super::transform::transform;
use super::super::workload::Workload;
use super::Work;
use crate::stop::{Trouble, failed};

pub(super) fn convert(work: &Work) -> Result<(), Trouble> {
    with_defaults(work).map_err(failed("files"))
}

fn with_defaults(work: &Work) -> Result<(), Box<dyn Error>> {
    let workload = work.workload;
    let durability =
        if workload == Workload::Sync { Durability::Synced } else { Durability::Cached };
    let dispatcher = Dispatcher::new()?;
    let targets = Targets::new().durability(durability);
    let files = Files::builder(&dispatcher).targets(targets).build()?;
    let own = Arc::clone(&work.pairs);
    let pairs = (0..own.len()).map(move |index| {
        let Pair { source, target } = own[index].clone();
        (source, target)
    });
    let run = files.convert(pairs, move |source, target| transform(workload, source, target));
    for converted in run {
        converted?;
    }
    Ok(())
}
