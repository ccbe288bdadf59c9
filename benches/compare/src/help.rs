//! What `--help` prints.

pub(crate) const HELP: &str = "\
Usage: reapool-compare [OPTIONS]

Compares reapool with other ways of reading and running a callback for each read. Contenders run in
turns, each in a process of its own, several rounds. Prints Markdown, and writes it as compare.md, the
medians with the lowest and the highest rounds as compare.json, and a chart as compare.svg. There are
the same three of each other workload: growth, files, conversions, and the conversions' reader.

Options:
      --quick            A smoke test: one round of few operations, depths 16 and 64, callbacks of
                         0 and 20 us
      --devices LIST     Of null, loop, disk [default: all]. The loop device needs root
      --workloads LIST   Of random, mix, stream, latency, growth, files, conversions [default: all]
      --depths LIST      Requests at a time [default: 1,16,64,128]
      --callbacks LIST   Microseconds that callbacks compute [default: 0,5,20,50,200, and at depth
                         64 also 100]
      --contenders LIST  Of raw, raw-again, sharded, reapool-chained, reapool-outside,
                         reapool-single, threads, readers-pool, rayon, tokio, uring, uring-pool,
                         io-engine, compio, ping, wake, hop [default: all]
      --digesters LIST   The files workload's contenders, of reapool-direct, reapool-buffered,
                         reapool-automatic, threads-1, rayon-2, rayon-16, rayon-16-again, rayon-64,
                         rayon-pieces-2, rayon-pieces-16, rayon-pieces-64, b3sum, b3sum-16, tokio,
                         compio, io-engine, readers-and-pool [default: all]
      --conversions LIST Of copy, compress, sync, large, reader [default: all]
      --converters LIST  The conversions' contenders, of reapool, aio, rayon-2, rayon-16,
                         rayon-16-again, rayon-64, rayon-copy-16, tokio, cp, rsync, and of the
                         reader file-reader, files-stream, buf-reader-1m, buf-reader-8k
                         [default: all]
      --large-mib N      The size of each of four files of the conversions [default: 1024]
      --reader-mib N     The size of the file that the conversions' reader reads [default: 8192]
      --rounds N         [default: 5]
      --scale F          Multiplies the numbers of operations, of mixed files, and the size of the
                         files workload's large files [default: 1]
      --workers N        Threads for callbacks, where the depth doesn't say how many [default: 2]
      --buffers KIND     plain, pool or both: the memory that reapool streams into. The pool has
                         huge pages [default: both]
      --out DIR          [default: benches/results of the repository]
      --every-round      Also write every round, as compare-rounds.json and so on
      --redraw           Nothing of this, but reports and charts anew from the JSON files in --out;
                         from those with every round, if they are there
      --disk-dir DIR     Where files on disk are made [default: beside the program]
      --memory           Nothing of this, but what memory the files layer needs for 200,000 small
                         files, and for one of 8 GiB
  -h, --help             Print this

Exit status: 0 if all went well, 1 if a contender failed or read something else than the others, 2
for a mistake in the command line, 130 after Ctrl-C.
";

#[cfg(test)]
mod tests {
    use super::HELP;
    use crate::contender::Contender;
    use crate::conversions::contender::Contender as Converter;
    use crate::files::contender::Contender as Digester;
    use crate::kind::Kind;
    use crate::named::Named;

    fn check<C: Named + std::fmt::Debug>() {
        for &contender in C::ALL {
            assert!(HELP.contains(contender.name()), "{}", contender.name());
            assert_eq!(C::named(contender.name()), Some(contender));
        }
    }

    #[test]
    fn all_contenders_and_workloads_are_named() {
        check::<Contender>();
        check::<Digester>();
        check::<Converter>();
        for kind in Kind::ALL {
            assert!(HELP.contains(kind.name()), "{}", kind.name());
        }
    }
}
