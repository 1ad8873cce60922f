#!/bin/sh
# make_db.sh FILE [ROWS]: a database of ROWS measurements (2000000: 215 MB), with an index
set -eu

[ $# -ge 1 ] || { sed -n '2s/^# /usage: /p' "$0" >&2; exit 2; }
rm -f "$1"
sqlite3 -bail "$1" >/dev/null <<SQL
pragma journal_mode = off;
pragma synchronous = off;
begin;
create table t (id integer, site integer, value real, note text);
with recursive n(i) as (select 1 union all select i + 1 from n where i < ${2:-2000000})
    insert into t select i, i % 997, i * 0.5,
        printf('measurement %012d of the run, site %05d, kept for the record, ok', i, i % 997)
    from n;
create index t_id on t (id);
commit;
SQL
