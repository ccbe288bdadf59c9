//! The result is the same whoever reads, and wherever it is computed.

use std::fs;

use crate::program::{Printed, directory, generate, query, run, table};

const SQL: &str = "SELECT name, count(*), sum(i1), sum(f1), max(code), min(id) FROM t \
                   WHERE k < 500 GROUP BY name ORDER BY name";

/// Of a table in this format, by `SQL`, in each way.
fn agree(format: &str) {
    let (data, temporary) = (directory(), directory());
    generate(data.path(), format);
    let table = table(data.path());
    let expected = run(&["--store", "local", "--table", &table, SQL]).succeeded().stdout;
    assert_eq!(expected.lines().count(), 100 + 4, "{expected}");
    assert!(expected.contains("name-99"), "{expected}");
    let ways: [&[&str]; 5] = [
        &["--store", "reapool"],
        &["--store", "reapool", "--cold", "--repeat", "3"],
        &["--standalone", "--store", "local"],
        &["--standalone", "--store", "reapool", "--cold"],
        &["cluster", "--store", "reapool", "--cold"],
    ];
    for way in ways {
        let mut command = query(&[way, &["--table", &table, SQL]].concat());
        let output = command.env("TMPDIR", temporary.path()).output().unwrap();
        let printed = Printed::of(output).succeeded();
        assert_eq!(printed.stdout, expected, "{way:?}");
        let left: Vec<_> = fs::read_dir(temporary.path()).unwrap().collect();
        assert!(left.is_empty(), "{way:?} leaves {left:?}");
    }
}

#[test]
fn parquet_gives_the_same_in_all_ways() {
    agree("parquet");
}

#[test]
fn csv_gives_the_same_in_all_ways() {
    agree("csv");
}

#[test]
fn tables_can_be_files_and_directories_of_either_format() {
    let (parquet, csv) = (directory(), directory());
    generate(parquet.path(), "parquet");
    generate(csv.path(), "csv");
    let (all, part) = (parquet.path().display(), csv.path().join("part-01.csv"));
    let tables = [format!("whole={all}"), format!("part={}", part.display())];
    let sql = "SELECT count(*) AS both, sum(whole.i1 - part.i1) AS zero \
               FROM whole JOIN part ON whole.id = part.id";
    let printed = run(&["--table", &tables[0], "--table", &tables[1], sql]).succeeded();
    let row = printed.stdout.lines().nth(3).unwrap();
    assert_eq!(row.replace(' ', ""), "|10000|0|");
}

#[test]
fn paths_may_have_characters_that_urls_and_patterns_use() {
    let parent = directory();
    let data = parent.path().join("50% of [a] *?#& ä");
    generate(&data, "parquet");
    let printed = run(&["--table", &table(&data), "SELECT count(*) FROM t"]).succeeded();
    assert!(printed.stdout.contains(" 30000 "), "{}", printed.stdout);
    let file = data.join("part-00.parquet");
    let printed = run(&["--table", &table(&file), "SELECT count(*) FROM t"]).succeeded();
    assert!(printed.stdout.contains(" 10000 "), "{}", printed.stdout);
}

#[test]
fn a_result_without_rows_has_columns() {
    let data = directory();
    generate(data.path(), "parquet");
    let sql = "SELECT id, name FROM t WHERE id < 0";
    let printed = run(&["--table", &table(data.path()), sql]).succeeded();
    assert!(printed.stdout.contains("| id | name |"), "{}", printed.stdout);
}
