//! The command line.

use std::path::PathBuf;
use std::str::FromStr;

use crate::contender::Contender;
use crate::conversions::contender::Contender as Converter;
use crate::conversions::workload::Workload as Conversion;
use crate::files::contender::Contender as Digester;
use crate::kind::Kind;
use crate::named::Named;
use crate::task::{Device, Memory};

/// The workloads and contenders to compare, and how to compare them.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) devices: Vec<Device>,
    pub(crate) kinds: Vec<Kind>,
    pub(crate) depths: Vec<usize>,
    /// `None` stands for the default.
    pub(crate) callbacks: Option<Vec<u64>>,
    pub(crate) contenders: Vec<Contender>,
    pub(crate) digesters: Vec<Digester>,
    pub(crate) conversions: Vec<Conversion>,
    pub(crate) converters: Vec<Converter>,
    pub(crate) large_mib: u64,
    pub(crate) reader_mib: u64,
    pub(crate) rounds: usize,
    pub(crate) scale: f64,
    pub(crate) workers: usize,
    pub(crate) memories: Vec<Memory>,
    pub(crate) out: PathBuf,
    pub(crate) disk_dir: Option<PathBuf>,
    /// Whether to check memory instead of comparing.
    pub(crate) memory: bool,
    /// Whether to write every round, too.
    pub(crate) every_round: bool,
    /// Whether to make reports and charts anew instead of comparing.
    pub(crate) redraw: bool,
    /// Turns of the computing loop in a microsecond. This is measured, not an option.
    pub(crate) turns: f64,
}

impl Options {
    fn new(quick: bool) -> Self {
        Self {
            devices: vec![Device::Null, Device::Loop, Device::Disk],
            kinds: Kind::ALL.to_vec(),
            depths: if quick { vec![16, 64] } else { vec![1, 16, 64, 128] },
            callbacks: quick.then(|| vec![0, 20]),
            contenders: Contender::ALL.to_vec(),
            digesters: Digester::ALL.to_vec(),
            conversions: Conversion::ALL.to_vec(),
            converters: Converter::ALL.to_vec(),
            large_mib: if quick { 8 } else { 1024 },
            reader_mib: if quick { 64 } else { 8192 },
            rounds: if quick { 1 } else { 5 },
            scale: if quick { 0.1 } else { 1.0 },
            workers: 2,
            memories: vec![Memory::Plain, Memory::Pool],
            out: concat!(env!("CARGO_MANIFEST_DIR"), "/../results").into(),
            disk_dir: None,
            memory: false,
            every_round: false,
            redraw: false,
            turns: 0.0,
        }
    }

    /// The microseconds that callbacks compute, for the workloads of a depth.
    pub(crate) fn callbacks_at(&self, depth: usize) -> Vec<u64> {
        match &self.callbacks {
            Some(callbacks) => callbacks.clone(),
            None if depth == 64 => vec![0, 5, 20, 50, 100, 200],
            None => vec![0, 5, 20, 50, 200],
        }
    }
}

/// `None` if the user asked for help.
pub(crate) fn parse(arguments: &[String]) -> Result<Option<Options>, lexopt::Error> {
    use lexopt::prelude::{Long, Short, ValueExt};

    // Other options override the ones that `--quick` sets, wherever it stands.
    let mut options = Options::new(arguments.iter().any(|argument| argument == "--quick"));
    let mut parser = lexopt::Parser::from_args(arguments);
    while let Some(argument) = parser.next()? {
        match argument {
            Short('h') | Long("help") => return Ok(None),
            Long("quick") => {}
            Long("devices") => options.devices = parser.value()?.parse_with(list(device))?,
            Long("workloads") => options.kinds = parser.value()?.parse_with(list(kind))?,
            Long("depths") => options.depths = parser.value()?.parse_with(list(depth))?,
            Long("callbacks") => {
                options.callbacks = Some(parser.value()?.parse_with(list(within(0, 1_000_000)))?);
            }
            Long("contenders") => {
                options.contenders = parser.value()?.parse_with(list(Contender::named))?;
            }
            Long("digesters") => {
                options.digesters = parser.value()?.parse_with(list(Digester::named))?;
            }
            Long("conversions") => {
                options.conversions = parser.value()?.parse_with(list(conversion))?;
            }
            Long("converters") => {
                options.converters = parser.value()?.parse_with(list(Converter::named))?;
            }
            Long("large-mib") => options.large_mib = parser.value()?.parse_with(one(mib))?,
            Long("reader-mib") => options.reader_mib = parser.value()?.parse_with(one(mib))?,
            Long("every-round") => options.every_round = true,
            Long("redraw") => options.redraw = true,
            Long("memory") => options.memory = true,
            Long("rounds") => options.rounds = parser.value()?.parse_with(one(within(1, 1000)))?,
            Long("scale") => options.scale = parser.value()?.parse_with(one(scale))?,
            Long("workers") => options.workers = parser.value()?.parse_with(one(within(1, 256)))?,
            Long("buffers") => options.memories = parser.value()?.parse_with(one(memories))?,
            Long("out") => options.out = parser.value()?.into(),
            Long("disk-dir") => options.disk_dir = Some(parser.value()?.into()),
            _ => return Err(argument.unexpected()),
        }
    }
    Ok(Some(options))
}

fn one<T>(parse: impl Fn(&str) -> Option<T>) -> impl Fn(&str) -> Result<T, String> {
    move |text| parse(text).ok_or_else(|| "see --help for what is possible".into())
}

/// Parses a list with commas.
fn list<T>(parse: impl Fn(&str) -> Option<T>) -> impl Fn(&str) -> Result<Vec<T>, String> {
    let parse = one(parse);
    move |text| text.split(',').map(&parse).collect()
}

fn within<T: FromStr + PartialOrd>(min: T, max: T) -> impl Fn(&str) -> Option<T> {
    move |text| text.parse().ok().filter(|number| (&min..=&max).contains(&number))
}

fn depth(text: &str) -> Option<usize> {
    within(1, 4096)(text)
}

fn scale(text: &str) -> Option<f64> {
    within(1e-6, 1e6)(text)
}

fn device(name: &str) -> Option<Device> {
    [Device::Null, Device::Loop, Device::Disk].into_iter().find(|device| device.name() == name)
}

fn kind(name: &str) -> Option<Kind> {
    Kind::ALL.into_iter().find(|kind| kind.name() == name)
}

fn conversion(name: &str) -> Option<Conversion> {
    Conversion::ALL.into_iter().find(|conversion| conversion.name() == name)
}

fn mib(text: &str) -> Option<u64> {
    within(1, 1 << 20)(text)
}

fn memories(name: &str) -> Option<Vec<Memory>> {
    match name {
        "plain" => Some(vec![Memory::Plain]),
        "pool" => Some(vec![Memory::Pool]),
        "both" => Some(vec![Memory::Plain, Memory::Pool]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Options, parse};

    fn parsed(line: &str) -> Result<Options, String> {
        let arguments: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
        parse(&arguments).map(Option::unwrap).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_said_overrides_what_quick_sets() {
        let options = parsed("--rounds 3 --quick --depths 1,2").unwrap();
        assert_eq!((options.rounds, &options.depths[..]), (3, &[1, 2][..]));
        assert_eq!(options.callbacks_at(64), [0, 20]);
        assert_eq!(parsed("").unwrap().callbacks_at(64), [0, 5, 20, 50, 100, 200]);
    }

    #[test]
    fn nonsense_is_refused() {
        for line in ["--depths 0", "--depths", "--devices tape", "--rounds 1,2", "--scale nan", "x"]
        {
            assert!(parsed(line).is_err(), "{line}");
        }
    }
}
