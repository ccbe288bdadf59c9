//! What becomes of a file that has a new one's name already.

/// What becomes of a file that has the name of one that is complete.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Existing {
    /// The new file takes its place.
    #[default]
    Replace,
    /// It stays, and the new file is an error of the kind
    /// [`AlreadyExists`](std::io::ErrorKind::AlreadyExists): at once if it is there at the
    /// beginning, or at the end. Whatever others do meanwhile, no file is replaced.
    Refuse,
}
