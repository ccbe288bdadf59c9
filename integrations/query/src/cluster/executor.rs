//! `query executor`: an executor of a Ballista cluster, which reads local files with a store.

use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ballista_core::RuntimeProducer;
use ballista_executor::executor_process::{ExecutorProcessConfig, start_executor_process};
use ballista_executor::health::ExecutorHealth;
use log::LevelFilter;

use crate::arguments::{Argument, Arguments, Wanted};
use crate::cluster::processes::end_with;
use crate::context::{self, processors};
use crate::failure::{Failure, Result};
use crate::logging;
use crate::output::print;
use crate::stores::{Store, StoreKind};

const HELP: &str = "\
Usage: query executor [OPTIONS]

Starts an executor of a Ballista cluster. Prints `executor ready` on the standard output when the
scheduler knows it. It ends on SIGINT or SIGTERM, when its tasks are done, and then prints how its
store has read the files.

Options:
      --scheduler HOST:PORT  The scheduler to work for [default: 127.0.0.1:50050]
      --store S              Who reads the files: reapool, or local (LocalFileSystem)
                             [default: reapool]
      --bind IP              Where to listen [default: 127.0.0.1]
      --host NAME            By which name others reach this host [default: the IP of --bind]
      --port P               The port for the data of other executors; 0 is a free one [default: 0]
      --grpc-port P          The port for the scheduler; 0 is a free one [default: 0]
      --vcores N             How many tasks to run at once [default: the number of processors]
      --work-dir DIR         Where to keep intermediate results [default: a directory below TMPDIR,
                             removed in the end]
      --with-parent PID      End when this process, the parent, does
  -h, --help                 Print this

`file://` means this host's own disk: the tables' files have to be here, under the same paths as on
the scheduler and the client.
";

/// How often the program looks whether the scheduler knows the executor.
const INTERVAL: Duration = Duration::from_millis(20);

struct Options {
    scheduler: (String, u16),
    store: StoreKind,
    bind: IpAddr,
    host: Option<String>,
    port: u16,
    grpc_port: u16,
    vcores: usize,
    work_dir: Option<PathBuf>,
    parent: Option<i32>,
}

pub(crate) fn main(arguments: Arguments) -> Result {
    let Some(options) = parse(arguments)? else { return Ok(()) };
    end_with(options.parent)?;
    logging::start(LevelFilter::Warn);
    let store = Store::open(options.store)?;
    let temporary = context::temporary_directory()?;
    let work_dir = options.work_dir.clone().unwrap_or_else(|| temporary.path().join("work"));
    let work_dir = work_dir.into_os_string().into_string();
    let work_dir = work_dir.map_err(|_| Failure::usage("the path of --work-dir is not UTF-8"))?;
    let config = config(&options, &store, work_dir)?;
    let health = config.health.clone();
    context::block_on(processors(), temporary.path(), async {
        tokio::select! {
            done = start_executor_process(Arc::new(config)) => Ok(done?),
            Err(closed) = tell_when_ready(&health) => Err(closed),
        }
    })?;
    match store.counts() {
        Some(counts) => print(format_args!("executor read: {counts}")),
        None => print("executor read: LocalFileSystem does not count"),
    }
}

fn parse(mut arguments: Arguments) -> Result<Option<Options>> {
    let mut options = Options {
        scheduler: ("127.0.0.1".into(), 50050),
        store: StoreKind::Reapool,
        bind: Ipv4Addr::LOCALHOST.into(),
        host: None,
        port: 0,
        grpc_port: 0,
        vcores: processors(),
        work_dir: None,
        parent: None,
    };
    let wanted = arguments.read(HELP, |arguments, argument| {
        let Argument::Option(name) = &argument else { return Err(argument.unexpected()) };
        match name.as_str() {
            "scheduler" => options.scheduler = host_and_port(&arguments.value::<String>()?)?,
            "store" => options.store = arguments.value()?,
            "bind" => options.bind = arguments.value()?,
            "host" => options.host = Some(arguments.value()?),
            "port" => options.port = arguments.value()?,
            "grpc-port" => options.grpc_port = arguments.value()?,
            "vcores" => options.vcores = arguments.value::<usize>()?.max(1),
            "work-dir" => options.work_dir = Some(arguments.path()?),
            "with-parent" => options.parent = Some(arguments.value()?),
            _ => return Err(argument.unexpected()),
        }
        Ok(())
    })?;
    Ok(match wanted {
        Wanted::Run => Some(options),
        Wanted::Help => None,
    })
}

fn host_and_port(text: &str) -> Result<(String, u16)> {
    let parts = text.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
    let (host, port) =
        parts.ok_or_else(|| Failure::usage(format_args!("{text} is no HOST:PORT")))?;
    Ok((host.into(), port))
}

fn config(options: &Options, store: &Store, work_dir: String) -> Result<ExecutorProcessConfig> {
    // One environment for all sessions: with it, they share the store.
    let env = store.runtime_env()?;
    let runtime: RuntimeProducer = Arc::new(move |_| Ok(Arc::clone(&env)));
    let [port, grpc_port] = ports(options.bind, [options.port, options.grpc_port])?;
    let (scheduler_host, scheduler_port) = options.scheduler.clone();
    Ok(ExecutorProcessConfig {
        bind_host: options.bind.to_string(),
        external_host: Some(options.host.clone().unwrap_or_else(|| options.bind.to_string())),
        port,
        grpc_port,
        scheduler_host,
        scheduler_port,
        scheduler_connect_timeout_seconds: 10,
        vcores: options.vcores,
        work_dir: Some(work_dir),
        override_runtime_producer: Some(runtime),
        ..ExecutorProcessConfig::default()
    })
}

/// Puts ports that are free now in the place of zeros: Ballista tells the scheduler the port that
/// it was given. Both are held at once, so that they differ.
fn ports(bind: IpAddr, ports: [u16; 2]) -> Result<[u16; 2]> {
    let hold =
        |port| TcpListener::bind((bind, port)).and_then(|held| Ok((held.local_addr()?, held)));
    let at = |error| Failure::Failed(format!("{bind}: {error}"));
    let (first, second) = (hold(ports[0]).map_err(at)?, hold(ports[1]).map_err(at)?);
    Ok([first.0.port(), second.0.port()])
}

/// Ends only if that can't be printed.
async fn tell_when_ready(health: &ExecutorHealth) -> Result {
    while !health.is_ready() {
        tokio::time::sleep(INTERVAL).await;
    }
    print("executor ready")?;
    std::future::pending().await
}
