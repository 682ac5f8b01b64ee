load helper

# A linear model of mock cells, the cells with its latent space, and a layout of it.
fitted() {
  need_command sc-fit
  sc-sim --mock | sc-norm --log1p -o "$T/n.scz"
  sc-fit -q -m ldvae --max-epochs 4 --check-val-every 2 -o "$T/m.scm" "$T/n.scz"
  sc-embed -q "$T/m.scm" "$T/n.scz" | sc-neighbors --use-rep X_ldvae -k 10 | sc-umap -o "$T/c.scz"
}

# The JSON that a page carries.
meta() { sed -n 's|.*<script type="application/json" id="data-meta">\(.*\)</script>|\1|p' "$1"; }

@test "a page of a model and its cells: whole, and the same bytes from file and pipe" {
  fitted
  sc-report -o "$T/r.html" "$T/m.scm" "$T/c.scz"
  [ "$(head -n 1 "$T/r.html")" = "<!doctype html>" ]
  [ "$(tail -n 1 "$T/r.html")" = "</html>" ]
  run grep -c '{{' "$T/r.html"
  [ "$output" = 0 ]
  sc-report "$T/m.scm" "$T/c.scz" > "$T/s.html"
  cmp "$T/r.html" "$T/s.html"
  sc-report "$T/m.scm" < "$T/c.scz" > "$T/p.html"
  diff <(sed 's/"run":{[^}]*}//' "$T/r.html") <(sed 's/"run":{[^}]*}//' "$T/p.html")
}

@test "nothing on the page is fetched from elsewhere" {
  fitted
  sc-report -o "$T/r.html" "$T/m.scm" "$T/c.scz"
  run grep -oE '(src|href|action)="[^"#]+"|url\([^#)]*\)|@import|https?://[^"]*' "$T/r.html"
  echo "$output"
  [ "$(echo "$output" | grep -v -e '^href="data:,"$' -e '^http://www.w3.org/2000/svg$' -c)" = 0 ]
  grep -q "default-src 'none'" "$T/r.html"
}

@test "names that look like markup stay names" {
  fitted
  sc-view -t obs "$T/c.scz" | awk -F '\t' 'NR == 1 { print "cell\tkind" } NR > 1 { print $1 "\t" (NR % 2 ? "</script><b>" : "a & b") }' > "$T/k.tsv"
  sc-annotate --obs "$T/k.tsv" -o "$T/k.scz" "$T/c.scz"
  sc-report --title '<i>x</i> & y' -o "$T/r.html" "$T/m.scm" "$T/k.scz"
  [ "$(grep -c '</script>' "$T/r.html")" = 4 ]
  grep -q '<title>&lt;i>x&lt;/i> &amp; y</title>' "$T/r.html"
  meta "$T/r.html" | grep -q '\\u003c/script>\\u003cb>'
}

@test "of many cells and genes a part is kept, and the page knows how many there were" {
  fitted
  sc-report --max-cells 50 --max-genes 7 -o "$T/r.html" "$T/m.scm" "$T/c.scz"
  n=$(sc-view -t obs "$T/c.scz" | tail -n +2 | wc -l)
  meta "$T/r.html" | grep -q "\"n\":50,\"n_total\":$n,"
  meta "$T/r.html" | grep -oE '"names":\[[^]]*\]' | tr ',' '\n' | wc -l | grep -qx 7
  sc-report --max-cells 50 --max-genes 7 -o "$T/s.html" "$T/m.scm" "$T/c.scz"
  cmp "$T/r.html" "$T/s.html"
}

@test "10,000 cells of 2,000 genes make a page of less than 5 MB" {
  need_command sc-fit
  sc-sim --n-obs 10000 --n-vars 2000 | sc-norm --target-sum 1e4 --log1p -o "$T/n.scz"
  sc-fit -q -m ldvae --max-epochs 1 -o "$T/m.scm" "$T/n.scz"
  sc-embed -q "$T/m.scm" "$T/n.scz" | sc-report -o "$T/r.html" "$T/m.scm"
  size=$(stat -c %s "$T/r.html")
  echo "$size bytes"
  [ "$size" -lt 5000000 ]
}

@test "what can't be shown is said in one sentence" {
  fitted
  printf 'cell,A,B\nc1,1,2\nc2,0,3\n' > "$T/bare.csv"
  sc-read -q -o "$T/bare.scz" "$T/bare.csv"
  fails 3 "no obsm named X_" sc-report -o "$T/r.html" "$T/m.scm" "$T/bare.scz"
  [ ! -e "$T/r.html" ]
  fails 3 "there is no layer 'none'" sc-report --layer none -o "$T/r.html" "$T/m.scm" "$T/c.scz"
  fails 2 "can't both come from stdin" sc-report -
  head -c 3000 "$T/c.scz" > "$T/cut.scz"
  fails 1 "" sc-report -o "$T/r.html" "$T/m.scm" "$T/cut.scz"
  [ ! -e "$T/r.html" ]
  fails 1 "No space left" bash -c 'sc-report "$T/m.scm" "$T/c.scz" > /dev/full'
}

@test "cells that lack genes of the model are a page, and said to" {
  fitted
  sc-report -o "$T/r.html" "$T/m.scm" "$T/c.scz" 2> "$T/note"
  [ ! -s "$T/note" ]
  sc-view -t var "$T/c.scz" | sed -n '2,31p' > "$T/genes"
  sc-filter -q --genes "$T/genes" -o "$T/few.scz" "$T/c.scz"
  sc-report -o "$T/r.html" "$T/m.scm" "$T/few.scz" 2> "$T/note"
  [ "$(cat "$T/note")" = "sc-report: $T/few.scz: has 30 of the model's 100 genes; are these cells that it was run over?" ]
  meta "$T/r.html" | grep -q '"n_genes":100,"n_matched":30'
  sc-view -t var "$T/c.scz" | sed -n '2,81p' > "$T/genes" # as of a query that surgery mapped
  sc-filter -q --genes "$T/genes" -o "$T/most.scz" "$T/c.scz"
  sc-report -o "$T/r.html" "$T/m.scm" "$T/most.scz" 2> "$T/note"
  [ "$(cat "$T/note")" = "sc-report: $T/most.scz: has 80 of the model's 100 genes" ]
  sc-report -q -o "$T/r.html" "$T/m.scm" "$T/few.scz" 2> "$T/note"
  [ ! -s "$T/note" ]
}

@test "a model without a linear decoder has a page too" {
  need_command sc-fit
  sc-sim --mock -o "$T/n.scz"
  sc-fit -q -m scvi --max-epochs 1 -o "$T/m.scm" "$T/n.scz"
  sc-embed -q "$T/m.scm" "$T/n.scz" | sc-report -o "$T/r.html" "$T/m.scm"
  meta "$T/r.html" | grep -q '"loadings":null'
  meta "$T/r.html" | grep -q '"unit":"log(1 + count)"'
}
