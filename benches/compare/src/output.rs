//! Writes the results' files, and makes reports and charts anew from those that there are.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::json;
use crate::metric::Round;
use crate::named::Named;
use crate::options::Options;
use crate::summary::{Summary, names_of};

/// A comparison with results of its own.
pub(crate) trait Comparison {
    /// The name of its files.
    const NAME: &'static str;
    type Workload: Serialize + DeserializeOwned;
    type Contender: Named;
    type Round: Round;
    /// All rounds.
    type Results: Serialize + DeserializeOwned;

    fn sum_up(results: &Self::Results) -> Summary<Self::Workload, Self::Contender>;

    /// The report in Markdown.
    fn report(summary: &Summary<Self::Workload, Self::Contender>) -> String;

    /// The chart, or `None` if there is nothing to draw.
    fn draw(summary: &Summary<Self::Workload, Self::Contender>) -> Option<String>;
}

/// Writes the files, each as a whole or not at all, and returns the report.
pub(crate) fn write<C: Comparison>(results: &C::Results, options: &Options) -> io::Result<String> {
    if options.every_round {
        let rounds = format!("{}-rounds.json", C::NAME);
        replace(&options.out, &rounds, &json::lines(results)?)?;
    }
    write_summary::<C>(&C::sum_up(results), &options.out)
}

fn write_summary<C: Comparison>(
    summary: &Summary<C::Workload, C::Contender>,
    out: &Path,
) -> io::Result<String> {
    let report = C::report(summary);
    replace(out, &format!("{}.json", C::NAME), &json::lines(summary)?)?;
    replace(out, &format!("{}.md", C::NAME), &report)?;
    if let Some(drawing) = C::draw(summary) {
        replace(out, &format!("{}.svg", C::NAME), &drawing)?;
    }
    Ok(report)
}

/// Makes the files anew from all rounds, or else from what was kept of them. Returns the report, or
/// `None` if there is neither.
pub(crate) fn redraw<C: Comparison>(out: &Path) -> io::Result<Option<String>> {
    let rounds = out.join(format!("{}-rounds.json", C::NAME));
    let kept = out.join(format!("{}.json", C::NAME));
    if rounds.exists() {
        write_summary::<C>(&C::sum_up(&read(&rounds)?), out).map(Some)
    } else if kept.exists() {
        let summary: Summary<_, _> = read(&kept)?;
        let figures = names_of::<C::Round>();
        if summary.figures != figures {
            let (found, wanted) = (summary.figures.join(", "), figures.join(", "));
            let kept = kept.display();
            return Err(io::Error::other(format!("{kept} has {found} instead of {wanted}")));
        }
        write_summary::<C>(&summary, out).map(Some)
    } else {
        Ok(None)
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> io::Result<T> {
    let failed = |error: String| io::Error::other(format!("{}: {error}", path.display()));
    let text = fs::read(path).map_err(|error| failed(error.to_string()))?;
    serde_json::from_slice(&text).map_err(|error| failed(error.to_string()))
}

/// Writes one file.
fn replace(directory: &Path, name: &str, text: &str) -> io::Result<()> {
    // A temporary file is private. This one gets the mode of other files: the umask decides.
    let mode = Permissions::from_mode(0o666);
    let mut file = tempfile::Builder::new().permissions(mode).tempfile_in(directory)?;
    file.write_all(text.as_bytes())?;
    file.persist(directory.join(name))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::{redraw, write};
    use crate::conversions::{Conversions, Reader};
    use crate::files::Files;
    use crate::options;
    use crate::reads::{Growth, Reads};

    const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../results");

    fn redraw_all(out: &Path) -> [bool; 5] {
        [
            redraw::<Reads>(out).unwrap().is_some(),
            redraw::<Growth>(out).unwrap().is_some(),
            redraw::<Files>(out).unwrap().is_some(),
            redraw::<Conversions>(out).unwrap().is_some(),
            redraw::<Reader>(out).unwrap().is_some(),
        ]
    }

    #[test]
    fn committed_reports_and_charts_are_those_of_the_committed_figures() {
        let out = tempfile::tempdir().unwrap();
        assert_eq!(redraw_all(out.path()), [false; 5]);
        let names = ["compare", "growth", "files", "conversions", "reader"];
        let committed = |name: &str, end: &str| {
            fs::read(Path::new(COMMITTED).join(format!("{name}.{end}"))).unwrap()
        };
        for name in names {
            fs::write(out.path().join(format!("{name}.json")), committed(name, "json")).unwrap();
        }
        assert_eq!(redraw_all(out.path()), [true; 5]);
        for (name, end) in
            names.iter().flat_map(|name| ["json", "md", "svg"].map(|end| (name, end)))
        {
            let redrawn = fs::read(out.path().join(format!("{name}.{end}"))).unwrap();
            assert!(redrawn == committed(name, end), "{name}.{end}: redraw it with --redraw");
        }
    }

    #[test]
    fn what_is_kept_says_the_same_as_all_rounds() {
        use crate::conversions::contender::Contender;
        use crate::conversions::workload::Workload;
        use crate::file_runs::sections::tests::{section, series};
        use crate::machine::Machine;

        let out = tempfile::tempdir().unwrap();
        let contenders = vec![
            series(Contender::FileReader, &[3.0, 1.1, 1.7]),
            series(Contender::BufReader8K, &[2.0, 2.1, 2.3]),
        ];
        let results = crate::conversions::Results {
            machine: Machine::this(&[]),
            programs: Vec::new(),
            rounds: 3,
            scale: 1.0,
            sections: vec![section(Workload::Reader, contenders)],
        };
        let line = ["--every-round", "--out"].map(String::from);
        let place = out.path().display().to_string();
        let options = options::parse(&[&line[..], &[place]].concat()).unwrap().unwrap();
        write::<Reader>(&results, &options).unwrap();
        let texts = || {
            ["json", "md", "svg"]
                .map(|end| fs::read_to_string(out.path().join(format!("reader.{end}"))).unwrap())
        };
        let written = texts();
        assert!(redraw::<Reader>(out.path()).unwrap().is_some());
        assert_eq!(texts(), written);
        fs::remove_file(out.path().join("reader-rounds.json")).unwrap();
        assert!(redraw::<Reader>(out.path()).unwrap().is_some());
        assert_eq!(texts(), written);
    }

    #[test]
    fn figures_that_nobody_knows_are_refused_by_the_name_of_their_file() {
        let out = tempfile::tempdir().unwrap();
        let kept = out.path().join("reader.json");
        let text = fs::read_to_string(Path::new(COMMITTED).join("reader.json")).unwrap();
        fs::write(&kept, text.replacen("MB/s", "furlongs/s", 1)).unwrap();
        let error = redraw::<Reader>(out.path()).unwrap_err().to_string();
        assert!(error.contains("reader.json") && error.contains("furlongs/s"), "{error}");
        fs::write(&kept, text.replacen("\"buf-reader-8k\":", "\"abacus\":", 1)).unwrap();
        let error = redraw::<Reader>(out.path()).unwrap_err().to_string();
        assert!(error.contains("reader.json") && error.contains("abacus"), "{error}");
    }
}
