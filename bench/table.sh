# table.sh: the table of figures, and how a row gets its figure; sourced by run.sh

failed=0
not_measured() { # not_measured WHY [TITLE]: of this row, or of all that has that title
    printf '%-44s not measured: %s\n' "${2:-$title}" "$1"
    failed=1
}

# measure STARTS COMMAND...: its name=value words become $words, one a line; of several starts
# the medians, with the least and the most of them as low and high
measure() {
    number=$1
    shift
    : >"$temp/words"
    for _ in $(seq "$number"); do
        if ! "$@" >>"$temp/words" 2>"$temp/err"; then
            not_measured "$(tail -n 1 "$temp/err")"
            return 1
        fi
    done
    words=$(tr ' ' '\n' <"$temp/words" | awk -F= -v starts="$number" '
        starts == 1 || NF < 2 { print; next }
        $1 == "pairs" { pairs += $2; next }
        $1 !~ /_(low|high)$/ {
            for (i = count[$1]++; i > 0 && value[$1, i - 1] > $2 + 0; i--)
                value[$1, i] = value[$1, i - 1]
            value[$1, i] = $2 + 0
        }
        END {
            if (starts == 1)
                exit
            for (name in count) {
                most = count[name] - 1
                print name "=" value[name, int(most / 2)]
                print name "_low=" value[name, 0] "\n" name "_high=" value[name, most]
            }
            print "pairs=" pairs + 0
        }')
}

word() { # word NAME DIGITS
    echo "$words" | awk -F= -v name="$1" -v digits="$2" \
        '$1 == name { printf "%." digits "f", $2 }'
}

# row NAME UNIT RELATION TARGET NOTE: a line of the table; RELATION: <, <=, >=, or - for no target
row() {
    echo "$words" | awk -F= -v title="$title" -v name="$1" -v unit="$2" -v relation="$3" \
        -v target="$4" -v note="$5" '
        { value[$1] = $2 }
        END {
            digits = index(target, ".") ? length(target) - index(target, ".") : 0
            figure = sprintf("%." digits "f", value[name])
            met = relation == "<" ? value[name] < target + 0 :
                relation == "<=" ? figure + 0 <= target + 0 : figure + 0 >= target + 0
            format = "%." (digits + 1) "f"
            if ((name "_low") in value)
                between = sprintf("[" format " " format "]", value[name "_low"], value[name "_high"])
            printf "%-44s %6s %-3s %-15s %2s %5s  %-8s %s\n", title, figure, unit, between,
                relation, relation == "-" ? "" : target,
                relation == "-" ? "-" : met ? "met" : "not met", note
        }'
}

# try TITLE FUNCTION ARGUMENT...: a row, if it is wanted
try() {
    echo "$1" | grep -qE -e "$only" || return 0
    tried=1
    title=$1
    shift
    "$@"
}
