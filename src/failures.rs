#![doc = include_str!("FAILURES.md")]
