//! Files that may not be read have an error each, and others beside them are read. In a child that
//! gives up root's rights.

#![expect(unsafe_code, reason = "gives up root's rights in a child")]

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;

use reapool::{FileError, FileErrorKind};

use crate::support::alone::alone;
use crate::support::child::{first_failure, in_child};
use crate::support::files::{POLICIES, copied, modest, patterned};
use crate::support::{self, public, skipped};

#[test]
fn without_permission_there_is_an_error() {
    let _alone = alone();
    let directory = public();
    let [closed, open] = ["closed", "open"].map(|name| patterned(directory.path(), name, 1, 10));
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o644)).unwrap();
    let code = in_child(&mut || {
        // SAFETY: no pointers are passed.
        if unsafe { libc::geteuid() } == 0 && unsafe { libc::setresuid(65534, 65534, 65534) } != 0 {
            return 100;
        }
        if fs::read(&open).is_err() {
            return 101;
        }
        let dispatcher = support::builder().depth(8).workers(1).build().unwrap();
        let holds = POLICIES.map(|policy| {
            let files = modest(&dispatcher).policy(policy).build().unwrap();
            let refused = |error: &FileError| {
                let denied = error.source.kind() == io::ErrorKind::PermissionDenied;
                denied && error.kind() == FileErrorKind::Io && error.path == closed
            };
            let outcomes: Vec<_> = copied(&files, [closed.clone(), open.clone()]).collect();
            let errors: Vec<_> = outcomes.iter().filter_map(|it| it.as_ref().err()).collect();
            outcomes.len() == 2 && errors.len() == 1 && refused(errors[0])
        });
        drop(dispatcher);
        first_failure(&holds)
    });
    match code {
        Some(100) => skipped("files without permission: no other user to become"),
        Some(101) => {
            skipped("files without permission: the temporary directory is closed to others");
        }
        code => assert_eq!(code, Some(0)),
    }
}
