//! The example `convert` and the memory that it is allowed.

use std::fs::{self, File};
use std::process::Stdio;

use crate::program::{Running, example, interrupt, most_memory};
use crate::support::{eventually, scratch, watched};

/// What the program has had of the processors, in ticks of a clock: how far it has come.
fn processor_ticks(process: &Running) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.id())).unwrap();
    // Behind the name, which may have anything in it, comes the third field.
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    fields[11..13].iter().map(|field| field.parse::<u64>().unwrap()).sum()
}

#[test]
fn memory_is_as_much_as_is_allowed() {
    const LIMIT: u64 = 40 << 20;
    watched(|| {
        let directory = scratch();
        let tree = directory.path().join("tree");
        fs::create_dir(&tree).unwrap();
        // None of these ends.
        for number in 0..30 {
            let file = File::create(tree.join(format!("{number}"))).unwrap();
            file.set_len(1 << 40).unwrap();
        }
        let start = |memory: &str| {
            let mut command = example("convert", directory.path());
            let arguments = ["--format=zstd", "--workers=2", "--verify", "--memory", memory];
            Running::start(command.args(arguments).arg("tree").stderr(Stdio::null()))
        };
        let process = start("256M");
        eventually("much memory is used", || most_memory(&process) > LIMIT);
        let ticks = processor_ticks(&process);
        interrupt(&process);
        drop(process);
        let process = start("4M");
        eventually("it comes further", || processor_ticks(&process) > 2 * ticks + 20);
        let little = most_memory(&process);
        assert!(little < LIMIT, "{little}");
        interrupt(&process);
    });
}
