//! The lines of `../../object_store/README.md` for DataFusion, in a program:
//!
//! ```text
//! cargo run -- FILE.parquet
//! ```

use std::error::Error;
use std::sync::Arc;

use datafusion::prelude::{ParquetReadOptions, SessionContext};
use reapool_object_store::LocalStore;
use url::Url;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("name a file that is Parquet")?;
    let context = SessionContext::new();
    context.register_object_store(&Url::parse("file://")?, Arc::new(LocalStore::new()?));
    context.register_parquet("t", path, ParquetReadOptions::default()).await?;
    context.sql("SELECT count(*) FROM t").await?.show().await?;
    Ok(())
}
