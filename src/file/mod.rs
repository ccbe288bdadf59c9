//! A file that a job keeps open: the handle with a descriptor and its owner, ways to make one, and
//! what the kernel knows of the file. `borrowed` is for scoped jobs, which keep nothing open
//! themselves.

pub(crate) mod access;
pub(crate) mod alignment;
pub(crate) mod attributes;
pub(crate) mod borrowed;
pub(crate) mod durability;
pub(crate) mod existing;
pub(crate) mod filesystem;
pub(crate) mod handle;
pub(crate) mod history;
pub(crate) mod io_way;
pub(crate) mod links;
pub(crate) mod metadata;
pub(crate) mod open;
pub(crate) mod open_error;
pub(crate) mod options;
pub(crate) mod owner;
pub(crate) mod remembered;
pub(crate) mod replacement;
pub(crate) mod residency;
pub(crate) mod shown;

pub(crate) use handle::FileHandle;
