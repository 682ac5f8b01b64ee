load helper

setup() {
    printf 'cell,g1,g2,g3\nc1,1,0,3\nc2,0,2.5,0\n' >"$T/in.csv"
    sc-read -q -o "$T/in.scz" "$T/in.csv"
    X=$(sc-view -t X "$T/in.scz")
}

@test "what is written reads back: folder, archive, csv, tsv, gzip" {
    for out in a/ a.tar.gz a.tgz a.csv a.tsv a.csv.gz a.h5ad; do
        sc-write -o "$T/$out" "$T/in.scz"
        [ "$(sc-read -q "$T/$out" | sc-view -t X)" = "$X" ]
    done
    [ -z "$(ls -A "$T" | grep sluice)" ]
}

@test "the same input gives the same bytes" {
    sc-write -o "$T/a.tar.gz" "$T/in.scz"
    sleep 1.1
    sc-write -o "$T/b.tar.gz" "$T/in.scz"
    cmp "$T/a.tar.gz" "$T/b.tar.gz"
}

@test "through pipes" {
    [ "$(sc-write --format csv <"$T/in.scz" | sc-read -q | sc-view -t X)" = "$X" ]
    [ "$(sc-write --format mtx <"$T/in.scz" | sc-read -q | sc-view -t X)" = "$X" ]
}

@test "npy: header and float32 values" {
    sc-write -o "$T/a.npy" "$T/in.scz"
    [ "$(stat -c %s "$T/a.npy")" -eq $((128 + 24)) ]
    head -c 128 "$T/a.npy" | grep -aq "'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)"
    [ "$(tail -c 24 "$T/a.npy" | od -An -tf4 -w24 | tr -s ' ')" = " 1 0 3 0 2.5 0" ]
}

@test "antibodies come back as they went" {
    mkdir "$T/t"
    printf 'i1\tA\tGene Expression\ni2\tB\tAntibody Capture\n' >"$T/t/features.tsv"
    printf 'c1\nc2\n' >"$T/t/barcodes.tsv"
    printf '%%%%MatrixMarket matrix coordinate integer general\n2 2 2\n1 1 5\n2 2 7\n' >"$T/t/matrix.mtx"
    sc-read -q "$T/t" | sc-write -o "$T/u/"
    sc-read -q -o "$T/u.scz" "$T/u"
    [ "$(sc-view -t obsm/protein_expression "$T/u.scz")" = $'cell\tB\nc1\t0\nc2\t7' ]
    sc-write --matrix obsm/protein_expression -o "$T/p.csv" "$T/u.scz"
    [ "$(cat "$T/p.csv")" = $'cell,B\nc1,0\nc2,7' ]
}

@test "what can't be done is said" {
    fails 2 "the name '$T/a.foo' says no format" sc-write -o "$T/a.foo" "$T/in.scz"
    fails 2 "use --format or -o" sc-write "$T/in.scz"
    fails 2 "--compression is no option of format 'csv'" sc-write --compression gzip -o "$T/a.csv" "$T/in.scz"
    fails 3 "$T/in.scz: there is no matrix 'layers/x'" sc-write --matrix layers/x -o "$T/a.csv" "$T/in.scz"
    fails 1 "No space left" sc-write --format csv -o /dev/full "$T/in.scz"
    fails 1 "none.scz" sc-write -o "$T/a.csv" "$T/none.scz"
    mkdir "$T/full" && touch "$T/full/file"
    fails 1 "a folder with other files ('file') is not replaced" sc-write -o "$T/full/" "$T/in.scz"
    fails 1 "$T/full: cannot write: is a folder" sc-write --format csv -o "$T/full" "$T/in.scz"
    fails 2 "/dev/full: no folder can be made there" sc-write --format mtx -o /dev/full "$T/in.scz"
}

@test "a cut stream leaves nothing behind" {
    head -c 300 "$T/in.scz" >"$T/cut.scz"
    run sc-write -o "$T/a.h5ad" "$T/cut.scz"
    [ "$status" -eq 1 ]
    [ ! -e "$T/a.h5ad" ]
    [ -z "$(ls -A "$T" | grep sluice)" ]
}

@test "a full disk is one sentence: what could not be written, where scratch files lie" {
  sc-sim -q --n-obs 1000 --n-vars 300 -o "$T/in.scz"
  sc-write -o "$T/a.h5ad" "$T/in.scz"
  small() { bash -c 'ulimit -f 4; "$@"' - "$@"; } # the signal of such a limit ends nobody
  piped() { cat "$1" | TMPDIR=$T small "${@:2}"; }
  scratch="can't keep a scratch file in '$T' (TMPDIR names another folder): File too large"
  fails 1 "$scratch" piped "$T/in.scz" sc-norm -q -o /dev/null
  fails 1 "$scratch" piped "$T/a.h5ad" sc-read -q -o /dev/null -
  for f in x.tar.gz x.csv x.csv.gz x.h5ad x.scz; do
    tool=sc-write
    [ $f != x.scz ] || tool=sc-read
    fails 1 "$T/$f: " small $tool -q -o "$T/$f" "$T/in.scz"
    [[ $output == *": File too large" ]]
  done
  [ -z "$(find "$T" -name 'x*' -o -name '.*' -o -name '*sluice*')" ] # nothing is left behind
}

@test "a folder is written again in place of the old one, unless that has other files" {
  sc-write --format mtx -o "$T/m" "$T/in.scz"
  printf 'cell,A\nc1,5\n' | sc-read -q | sc-write -q --format mtx -o "$T/m"
  sc-read -q "$T/m" | sc-view -t X | diff - <(printf 'cell\tA\nc1\t5\n')
  touch "$T/m/notes.txt"
  fails 1 "$T/m: cannot write: a folder with other files ('notes.txt') is not replaced" \
    sc-write -q --format mtx -o "$T/m" "$T/in.scz"
  [ -e "$T/m/notes.txt" ]
  [ -z "$(find "$T" -name '.sluice*')" ]
}

@test "a link as output keeps its place, and leads to what was written" {
  mkdir "$T/far"
  for f in a.h5ad a.scz; do
    ln -s "far/$f" "$T/$f"
    touch "$T/far/$f"
  done
  sc-write -o "$T/a.h5ad" "$T/in.scz"
  sc-read -q -o "$T/a.scz" "$T/a.h5ad"
  [ -L "$T/a.h5ad" ] && [ -L "$T/a.scz" ]
  sc-view -t X "$T/far/a.scz" | diff - <(sc-view -t X "$T/in.scz")
  fails 1 "$T/far: cannot write: is a folder" sc-read -q -o "$T/far" "$T/a.h5ad"
  fails 2 "the name of the output is empty" sc-read -q -o "" "$T/a.h5ad"
}

@test "a signal ends a writer without leaving its scratch files, and with the signal's status" {
  need_command mkfifo
  mkfifo "$T/pipe"
  mkdir "$T/tmp"
  for s in INT TERM HUP KILL; do
    for o in "--format h5ad -o $T/x.h5ad" "--format mtx -o $T/x" "--format csv" "-o $T/x.tar.gz" "-o $T/x.npy"; do
      case "$s $o" in KILL*mtx* | KILL*tar.gz) continue ;; esac # named from the beginning; opened at the end
      # shellcheck disable=SC2086
      TMPDIR=$T/tmp env --default-signal=INT sc-write $o "$T/pipe" > "$T/out" &
      pid=$!
      exec 7> "$T/pipe"
      sc-sim -q --n-obs 40 --n-vars 10 | head -c 3000 >&7
      for ((k = 0; k < 100; k++)); do
        [ -z "$(find "/proc/$pid/fd" -lname "$T/*deleted)" -o -lname "$T/*.sluice.*")" ] || break
        sleep 0.05
      done
      [ "$k" -lt 100 ] # it has begun
      kept=0
      [ $s != KILL ] || kept=$(find "$T" -name '*sluice*' -o -name 'x*' | wc -l)
      [ $s != KILL ] || find "/proc/$pid/fd" -lname "$T/*.sluice.*" | grep -q . || [ "$kept" -eq 0 ]
      kill -$s $pid
      rc=0
      wait $pid || rc=$?
      exec 7>&-
      [ "$rc" -eq $((128 + $(kill -l $s))) ]
      [ "$(find "$T" -name '*sluice*' -o -name 'x*' | wc -l)" -eq "$kept" ]
      rm -rf "$T"/.sluice.* "$T"/tmp/.sluice.*
    done
  done
}
