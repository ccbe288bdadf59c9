#![doc = include_str!("GUARANTEES.md")]
