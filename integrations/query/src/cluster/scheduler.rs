//! `query scheduler`: Ballista's scheduler. It lists the tables' files and plans; it needs no store
//! of its own, as plans have URLs.

use std::net::SocketAddr;
use std::sync::Arc;

use ballista_scheduler::cluster::BallistaCluster;
use ballista_scheduler::config::{SchedulerConfig, TaskDistributionPolicy};
use ballista_scheduler::scheduler_process::{create_scheduler, start_grpc_service_with_listener};
use datafusion_proto::protobuf::{LogicalPlanNode, PhysicalPlanNode};
use log::LevelFilter;
use tokio::net::TcpListener;

use crate::arguments::{Argument, Arguments, Wanted};
use crate::cluster::processes::end_with;
use crate::context::{self, processors};
use crate::failure::{Failure, Result};
use crate::output::print;
use crate::{logging, signals};

const HELP: &str = "\
Usage: query scheduler [OPTIONS]

Starts the scheduler of a Ballista cluster, and prints `scheduler HOST:PORT` on the standard output
when clients and executors can connect. It ends on SIGINT or SIGTERM.

Options:
      --bind IP:PORT     Where to listen; port 0 is a free one [default: 127.0.0.1:50050]
      --host NAME        By which name executors reach this host [default: the IP of --bind]
      --with-parent PID  End when this process, the parent, does
  -h, --help             Print this

There is no authentication and no encryption: bind it to networks that you trust.
";

pub(crate) fn main(mut arguments: Arguments) -> Result {
    let mut bind: SocketAddr = ([127, 0, 0, 1], 50050).into();
    let (mut host, mut parent) = (None, None);
    let wanted = arguments.read(HELP, |arguments, argument| {
        match &argument {
            Argument::Option(name) if name == "bind" => bind = arguments.value()?,
            Argument::Option(name) if name == "host" => host = Some(arguments.value()?),
            Argument::Option(name) if name == "with-parent" => parent = Some(arguments.value()?),
            _ => return Err(argument.unexpected()),
        }
        Ok(())
    })?;
    if let Wanted::Help = wanted {
        return Ok(());
    }
    end_with(parent)?;
    logging::start(LevelFilter::Warn);
    let temporary = context::temporary_directory()?;
    context::block_on(processors(), temporary.path(), serve(bind, host))
}

async fn serve(bind: SocketAddr, host: Option<String>) -> Result {
    let ended = signals::ended()?;
    let at = |error| Failure::Failed(format!("{bind}: {error}"));
    let listener = TcpListener::bind(bind).await.map_err(at)?;
    let address = listener.local_addr().map_err(at)?;
    let host = host.unwrap_or_else(|| address.ip().to_string());
    // Not all parts to the executor that comes first.
    let config = SchedulerConfig::default()
        .with_hostname(&host)
        .with_port(address.port())
        .with_task_distribution(TaskDistributionPolicy::RoundRobin);
    config.validate()?;
    let cluster = BallistaCluster::new_from_config(&config).await?;
    let config = Arc::new(config);
    let scheduler = create_scheduler::<LogicalPlanNode, PhysicalPlanNode>(cluster, config).await?;
    print(format_args!("scheduler {host}:{}", address.port()))?;
    tokio::select! {
        done = start_grpc_service_with_listener(listener, scheduler) => Ok(done?),
        () = ended => Ok(()),
    }
}
