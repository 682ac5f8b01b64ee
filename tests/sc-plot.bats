load helper

# A model with a history: four epochs, validation in every second one.
model() {
  need_command sc-fit
  sc-sim --mock | sc-fit -q -m ldvae --max-epochs 4 --check-val-every 2 -o "$T/m.scm"
}

# A whole svg, whose letters all begin on the page.
is_svg() {
  tail -c 20 "$1" | grep -q '</svg>' && tr '<' '\n' < "$1" | awk -F '"' '
    /^svg/ { split($0, s, "viewBox=\"0 0 "); split(s[2], page, /[ "]/); w = page[1]; h = page[2] }
    /^use/ { for (k = 1; k < NF; k += 2) { if ($k ~ / x=$/) x = $(k + 1); if ($k ~ / y=$/) y = $(k + 1) }
      n++; if (x < 0 || x > w || y < 0 || y > h) { print "a letter at " x ", " y " of a page of " w " x " h; off = 1 } }
    END { exit !(w > 0 && h > 0 && n > 0 && !off) }'
}

@test "latent draws a panel for each pair of dimensions" {
  sc-sim --mock | sc-plot latent --color cell_type -o "$T/z.svg"
  is_svg "$T/z.svg"
  sc-sim --mock --latent-dim 3 | sc-plot latent > "$T/three.svg"
  is_svg "$T/three.svg"
}

@test "latent draws the latent space where there is a layout beside it, too" {
  sc-sim --mock -o "$T/m.scz"
  sc-neighbors -q "$T/m.scz" | sc-umap -q --n-epochs 5 -o "$T/u.scz"
  sc-plot latent --color cell_type "$T/u.scz" | cmp - <(sc-plot latent --color cell_type "$T/m.scz")
}

@test "the suffix of the output, or --format, says what is written" {
  sc-sim --mock -o "$T/m.scz"
  sc-plot latent --dpi 60 -o "$T/z.png" "$T/m.scz"
  [ "$(head -c 4 "$T/z.png" | tail -c 3)" = PNG ]
  sc-plot latent -o "$T/z.pdf" "$T/m.scz"
  [ "$(head -c 4 "$T/z.pdf")" = %PDF ]
  sc-plot latent --format png --dpi 60 "$T/m.scz" | head -c 4 | grep -q PNG
  fails 2 "'$T/z.gif' ends in none of .svg, .png, .pdf" sc-plot latent -o "$T/z.gif" "$T/m.scz"
  [ ! -e "$T/z.gif" ]
}

@test "the same cells give the same bytes, in every format" {
  sc-sim --n-obs 1500 --n-vars 50 -o "$T/m.scz"
  for f in svg png pdf; do
    sc-plot latent --dpi 60 --color batch --format $f "$T/m.scz" > "$T/1"
    sc-plot latent --dpi 60 --color batch --format $f "$T/m.scz" > "$T/2"
    cmp "$T/1" "$T/2"
  done
}

@test "an svg does not grow with the number of cells" {
  sc-sim --n-obs 50000 --n-vars 10 --latent-dim 2 | sc-plot latent --color library_size -o "$T/z.svg"
  is_svg "$T/z.svg"
  [ "$(stat -c %s "$T/z.svg")" -lt 2000000 ]
}

@test "numbers, categories, strings and missing values colour the cells" {
  sc-sim --mock -o "$T/m.scz"
  sc-view -t obs "$T/m.scz" | tail -n +2 | cut -f 1 > "$T/names"
  { printf 'cell\tgroup\tscore\n'; awk 'NR % 3 { print $1 "\tg" NR % 4 "\t" NR / 7 } NR % 3 == 0 { print $1 "\t\t" }' "$T/names"; } > "$T/t.tsv"
  sc-annotate --obs "$T/t.tsv" "$T/m.scz" > "$T/n.scz"
  for c in group score cell_type library_size; do
    sc-plot latent --color $c -o "$T/$c.svg" "$T/n.scz"
    is_svg "$T/$c.svg"
  done
}

@test "history draws a model's training" {
  model
  sc-plot history -o "$T/h.svg" "$T/m.scm"
  is_svg "$T/h.svg"
  sc-plot history --all --title "Mock" -o "$T/h.png" - < "$T/m.scm"
  [ "$(head -c 4 "$T/h.png" | tail -c 3)" = PNG ]
}

@test "a missing key is named, with what there is" {
  sc-sim --mock -o "$T/m.scz"
  fails 3 "no obsm 'X_pca'; it has 'X_true'" sc-plot latent --use-rep X_pca -o "$T/z.svg" "$T/m.scz"
  fails 3 "no obsm 'X_umap'" sc-plot umap -o "$T/z.svg" "$T/m.scz"
  fails 3 "near to it: 'cell_type'" sc-plot latent --color cell_typ -o "$T/z.svg" "$T/m.scz"
  fails 3 "has one column" bash -c 'sc-sim --mock --latent-dim 1 | sc-plot latent -o "$T/z.svg"'
  [ ! -e "$T/z.svg" ]
}

@test "a misused option, an unknown picture, cells for a history: one sentence each" {
  sc-sim --mock -o "$T/m.scz"
  fails 2 "there is no picture 'histroy'" sc-plot histroy "$T/m.scz"
  fails 2 "--color means nothing to history: it is for latent, umap" sc-plot history --color batch "$T/m.scz"
  fails 2 "--all means nothing to latent: it is for history" sc-plot latent --all "$T/m.scz"
  fails 2 "--group-by means nothing to umap: it is for violin" sc-plot umap --group-by batch "$T/m.scz"
  fails 2 "needs --key" sc-plot violin "$T/m.scz"
  fails 2 "needs --truth and --pred" sc-plot confusion --truth batch "$T/m.scz"
  fails 2 "needs --truth" sc-plot calibration "$T/m.scz"
  fails 1 "" sc-plot history "$T/m.scz"
}

@test "a stream cut short gives no picture" {
  sc-sim --mock -o "$T/m.scz"
  head -c 3000 "$T/m.scz" > "$T/cut.scz"
  fails 1 "" sc-plot latent -o "$T/z.svg" "$T/cut.scz"
  [ ! -e "$T/z.svg" ]
  fails 1 "No space left" bash -c 'sc-plot latent "$T/m.scz" > /dev/full'
}

# The colours of a png's pixels: "r,g,b<TAB>pixels".
colours() {
  need_command python3
  python3 "$ROOT/tests/png_colours.py" "$1"
}

# Six cells of three genes, two columns of labels and one of numbers.
six() {
  printf 'cell,CD3E,LYZ,MS4A1\nc1,9,0,0\nc2,5,0,0\nc3,0,9,0\nc4,0,7,1\nc5,0,0,8\nc6,0,1,9\n' > "$T/six.csv"
  printf 'cell\ttruth\tguess\tscore\nc1\tT\tT\t0.5\nc2\tT\tB\t1.5\nc3\tMono\tMono\t2.5\nc4\tMono\tMono\t\nc5\tB\tB\t4.5\nc6\tB\tB\t0.25\n' > "$T/six.tsv"
  sc-read -q "$T/six.csv" | sc-annotate --obs "$T/six.tsv" > "$T/six.scz"
}

@test "a gene colours the cells, from X, from a layer, and from raw where X lacks it" {
  sc-sim --mock | sc-norm --log1p -o "$T/m.scz"
  gene=$(sc-view -t var -n 1 "$T/m.scz" | tail -n 1 | cut -f 1)
  sc-plot latent --color "$gene" -o "$T/x.svg" "$T/m.scz"
  is_svg "$T/x.svg"
  sc-plot latent --color "$gene" --layer counts -o "$T/c.svg" "$T/m.scz"
  run cmp -s "$T/x.svg" "$T/c.svg"
  [ "$status" -eq 1 ]
  sc-plot latent --color "$gene" --layer X "$T/m.scz" | cmp - "$T/x.svg"
  fails 3 "there is no layer 'none'" sc-plot latent --color "$gene" --layer none "$T/m.scz"
  fails 3 "no gene 'NOTHING'" sc-plot latent --color NOTHING "$T/m.scz"
  sc-hvg -q -n 20 --subset --keep-raw -o "$T/h.scz" "$T/m.scz"
  lost=$(comm -23 <(sc-view -t var "$T/m.scz" | tail -n +2 | cut -f 1 | sort) \
    <(sc-view -t var "$T/h.scz" | tail -n +2 | cut -f 1 | sort) | head -n 1)
  sc-plot latent --color "$lost" -o "$T/r.svg" "$T/h.scz"
  sc-plot latent --color "$lost" "$T/m.scz" | cmp - "$T/r.svg"
}

@test "cells without a transcript of the gene are grey, those with the most dark" {
  sc-sim --mock | sc-norm --log1p -o "$T/m.scz"
  gene=$(sc-view -t var -n 1 "$T/m.scz" | tail -n 1 | cut -f 1)
  sc-plot latent --color "$gene" --dpi 100 -o "$T/x.png" "$T/m.scz"
  colours "$T/x.png" > "$T/colours"
  # faint discs of the lightest colour on white: grey without a hue
  awk -F '[,\t]' '$1 > 215 && $1 < 245 && $3 - $1 < 6 && $1 - $2 < 4 { grey += $4 } END { exit !(grey > 50) }' "$T/colours"
  awk -F '[,\t]' '$1 < 60 && $2 < 20 && $3 > 70 { dark += $4 } END { exit !(dark > 10) }' "$T/colours"
}

@test "several colours, with commas between them, are a panel each" {
  six
  sc-read -q "$T/six.csv" | sc-annotate --obs <(sed 's/guess/a,b/' "$T/six.tsv") > "$T/comma.scz"
  sc-pca -q -n 2 "$T/comma.scz" > "$T/p.scz"
  width() { sed -n 's/.*<svg.* width="\([0-9]*\).*/\1/p' "$1" | head -n 1; }
  sc-plot latent --color truth,score,LYZ --title "Six cells" -o "$T/3.svg" "$T/p.scz"
  is_svg "$T/3.svg"
  sc-plot latent --color truth -o "$T/1.svg" "$T/p.scz"
  [ "$(width "$T/3.svg")" -gt $((2 * $(width "$T/1.svg"))) ]
  sc-plot latent --color a,b -o "$T/comma.svg" "$T/p.scz"
  [ "$(width "$T/comma.svg")" -lt $((2 * $(width "$T/1.svg"))) ]
  fails 3 "no gene 'a'" sc-plot latent --color a,b,truth "$T/p.scz"
  fails 3 "no gene 'trut'; near to it: 'truth'" sc-plot latent --color LYZ,trut "$T/p.scz"
  fails 2 "more than 24 names" sc-plot latent --color "$(printf 'truth,%.0s' {1..30})" "$T/p.scz"
}

@test "cells that are Unknown are grey, as those without a value are" {
  six
  sed 's/\tMono\t/\tUnknown\t/' "$T/six.tsv" > "$T/u.tsv"
  sc-read -q "$T/six.csv" | sc-annotate -q --obs "$T/u.tsv" | sc-pca -q -n 2 > "$T/u.scz"
  sc-view -t obs "$T/u.scz" | grep -q Unknown
  sc-plot latent --color truth --dpi 100 -o "$T/u.png" "$T/u.scz"
  colours "$T/u.png" > "$T/colours"
  grep -q "^0,114,178" "$T/colours"        # B
  grep -q "^230,159,0" "$T/colours"        # T
  ! grep -q "^0,158,115" "$T/colours"      # the third, which would be Unknown's
}

@test "dots: as large as the share of cells that have the gene, as dark as their mean" {
  six
  sc-plot dots --key CD3E,LYZ,MS4A1 --group-by truth --title "Three genes" -o "$T/d.svg" "$T/six.scz"
  is_svg "$T/d.svg"
  # of the darkest colour: the dot of the group with the highest mean, and an end of the ramp
  dark() { colours "$1" | awk -F '[,\t]' '$1 < 50 && $2 < 15 && $3 > 70 { n += $4 } END { print n }'; }
  sc-plot dots --key CD3E --group-by truth --dpi 200 -o "$T/all.png" "$T/six.scz"
  sed 's/^c2,5/c2,0/' "$T/six.csv" | sc-read -q --format csv | sc-annotate -q --obs "$T/six.tsv" > "$T/half.scz"
  sc-plot dots --key CD3E --group-by truth --dpi 200 -o "$T/half.png" "$T/half.scz"
  [ "$(dark "$T/all.png")" -gt 1100 ] && [ "$(dark "$T/all.png")" -lt 1900 ]
  echo "$(dark "$T/all.png") $(dark "$T/half.png")"
  [ $((10 * $(dark "$T/half.png"))) -lt $((7 * $(dark "$T/all.png"))) ]
  fails 2 "dots needs --key" sc-plot dots --group-by truth "$T/six.scz"
  fails 2 "and --group-by" sc-plot dots --key CD3E "$T/six.scz"
  fails 3 "no gene 'CD3'; near to it: 'CD3E'" sc-plot dots --key LYZ,CD3 --group-by truth "$T/six.scz"
}

@test "violins: a number or a gene, by groups or of all cells; missing values are left out" {
  six
  for o in "--key score" "--key score --group-by truth" "--key LYZ --group-by guess"; do
    # shellcheck disable=SC2086
    sc-plot violin $o -o "$T/v.svg" "$T/six.scz"
    is_svg "$T/v.svg"
  done
  sc-plot violin --key score --group-by truth --dpi 100 -o "$T/v.png" "$T/six.scz"
  colours "$T/v.png" > "$T/colours"
  for c in 0,114,178 230,159,0 0,158,115; do grep -q "^$c" "$T/colours"; done
  fails 3 "'truth' is not a column of numbers" sc-plot violin --key truth "$T/six.scz"
  fails 3 "groups are needed" sc-plot violin --key LYZ --group-by score "$T/six.scz"
}

@test "a confusion is whole where the two columns agree" {
  six
  sc-plot confusion --truth truth --pred guess --dpi 100 -o "$T/c.png" "$T/six.scz"
  sc-plot confusion --truth truth --pred truth --dpi 100 -o "$T/same.png" "$T/six.scz"
  whole() { colours "$1" | awk -F '\t' '$1 == "5,63,115" { print $2 }'; } # the colour of 100 %
  # three whole squares where all agree, two where half of the T cells are taken for B cells
  awk -v same="$(whole "$T/same.png")" -v c="$(whole "$T/c.png")" 'BEGIN { print same, c; exit !(same / c > 1.4 && same / c < 1.6) }'
  fails 3 "no obs column 'gues'" sc-plot confusion --truth truth --pred gues "$T/six.scz"
}

@test "calibration is drawn from what sc-label --soft adds" {
  need_command sc-fit
  sc-sim --n-obs 300 --n-vars 60 -o "$T/m.scz"
  sc-view -t obs "$T/m.scz" | awk -F '\t' 'NR == 1 { for (c = 1; c <= NF; c++) if ($c == "cell_type") k = c; print "cell\tseed" }
    NR > 1 { print $1 "\t" (NR % 3 ? $k : "Unknown") }' > "$T/seed.tsv"
  sc-annotate --obs "$T/seed.tsv" -o "$T/s.scz" "$T/m.scz"
  sc-fit -q -m scanvi --labels-key seed --unlabeled Unknown --max-epochs 3 -o "$T/m.scm" "$T/s.scz"
  sc-label -q --soft -o "$T/l.scz" "$T/m.scm" "$T/s.scz"
  sc-plot calibration --truth cell_type --use-rep seed_pred_probs -o "$T/k.svg" "$T/l.scz"
  is_svg "$T/k.svg"
  fails 3 "no obsm that ends in '_probs'" sc-plot calibration --truth cell_type "$T/m.scz"
  fails 3 "is one of the" sc-plot calibration --truth batch "$T/l.scz"
  sc-plot calibration --truth cell_type "$T/l.scz" | cmp - "$T/k.svg" # the only obsm of that kind
  fails 3 "have no names" sc-plot calibration --truth cell_type --use-rep X_true "$T/l.scz"
}

@test "loadings are drawn of a linear decoder, and of no other" {
  model
  sc-plot loadings -o "$T/l.svg" "$T/m.scm"
  is_svg "$T/l.svg"
  sc-plot loadings --top 3 --dpi 60 -o "$T/l.png" - < "$T/m.scm"
  [ "$(head -c 4 "$T/l.png" | tail -c 3)" = PNG ]
  sc-sim --mock | sc-fit -q -m scvi --max-epochs 1 -o "$T/n.scm"
  fails 2 "no linear decoder" sc-plot loadings -o "$T/n.svg" "$T/n.scm"
  [ ! -e "$T/n.svg" ]
}

@test "long names, many values, one value, no value: a picture all the same" {
  sc-sim --mock -o "$T/m.scz"
  sc-view -t obs "$T/m.scz" | awk -F '\t' 'NR == 1 { print "cell\tmany\tone\tnone\tlong" }
    NR > 1 { print $1 "\tv" NR % 75 "\tonly\t\t" (NR % 2 ? "a very long name of a rare type of cell, résumé in all its parts" : "b") }' > "$T/t.tsv"
  sc-annotate --obs "$T/t.tsv" -o "$T/n.scz" "$T/m.scz"
  gene=$(sc-view -t var -n 1 "$T/m.scz" | tail -n 1 | cut -f 1)
  for c in many one none long; do
    sc-plot latent --color $c "$T/n.scz" > "$T/a.svg"
    is_svg "$T/a.svg"
    sc-plot violin --key "$gene" --group-by $c "$T/n.scz" > "$T/b.svg"
    is_svg "$T/b.svg"
    sc-plot confusion --truth $c --pred cell_type "$T/n.scz" > "$T/c.svg"
    is_svg "$T/c.svg"
  done
}

@test "of a long name both ends are shown, whole letters of each" {
  sc-sim --mock -o "$T/m.scz"
  for end in one two; do
    sc-view -t obs "$T/m.scz" | awk -F '\t' -v end=$end 'NR == 1 { print "cell\ttype" }
      NR > 1 { print $1 "\tCD8-positive, alpha-beta memory T cell, CD45RO-positive, " end (NR % 2 ? "" : "éüöäéüöäéüöäéüöäéüöäéüöä") }' > "$T/t.tsv"
    sc-annotate --obs "$T/t.tsv" "$T/m.scz" | sc-plot latent --color type -o "$T/$end.svg"
    is_svg "$T/$end.svg"
  done
  ! cmp -s "$T/one.svg" "$T/two.svg"
}

@test "a protein colours the cells where no column and no gene has its name" {
  need_shared data/pbmc_5k_protein_v3.h5ad
  sc-read -q "$SHARED/data/pbmc_5k_protein_v3.h5ad" | sc-hvg -q -n 100 --subset | sc-pca -q -n 5 -o "$T/p.scz"
  sc-plot latent --use-rep X_pca --color CD3_TotalSeqB -o "$T/p.svg" "$T/p.scz"
  is_svg "$T/p.svg"
  sc-plot violin --key CD19_TotalSeqB -o "$T/v.svg" "$T/p.scz"
  is_svg "$T/v.svg"
}

@test "wide numbers at an axis stay on the page" {
  awk 'BEGIN { print "cell,A,B,C"; for (i = 1; i <= 20; i++) print "c" i "," (i == 11 ? 8000000 : i % 3) "," (i == 9 ? 8000000 : i % 5) "," (i == 7 ? 9000000 : i % 4) }' > "$T/far.csv"
  sc-read -q "$T/far.csv" | sc-pca -q -n 2 -o "$T/far.scz"
  sc-plot latent -o "$T/far.svg" "$T/far.scz"
  is_svg "$T/far.svg"
  sc-plot violin --key C -o "$T/c.svg" "$T/far.scz"
  is_svg "$T/c.svg"
}

@test "a number that all cells share stands in the legend once" {
  six
  sc-view -t obs "$T/six.scz" | awk 'NR == 1 { print "cell\tsame\tvaried" } NR > 1 { print $1 "\t3.5\t" NR }' > "$T/s.tsv"
  sc-annotate --obs "$T/s.tsv" "$T/six.scz" | sc-pca -q -n 2 -o "$T/s.scz"
  for c in same varied; do
    sc-plot latent --color $c --dpi 72 -o "$T/$c.png" "$T/s.scz"
    colours "$T/$c.png" > "$T/$c"
  done
  # the ramp's violet end and its hues in between, against one disc and six cells
  [ "$(awk -F '[,\t]' '$1 < 80 && $3 > 80 && $2 < 60 { n += $4 } END { print n + 0 }' "$T/varied")" -gt 50 ]
  [ "$(awk -F '[,\t]' '$1 < 80 && $3 > 80 && $2 < 60 { n += $4 } END { print n + 0 }' "$T/same")" -eq 0 ]
}

@test "categories are written on the cells, by themselves where there are more than eight" {
  sc-sim --mock | sc-pca -q -n 2 -o "$T/p.scz"
  sc-view -t obs "$T/p.scz" | awk 'NR == 1 { print "cell\tfew\tmany\tlong" }
    NR > 1 { print $1 "\tk" NR % 8 "\tk" NR % 9 "\ta long name that says everything " NR % 9 }' > "$T/t.tsv"
  sc-annotate --obs "$T/t.tsv" -o "$T/n.scz" "$T/p.scz"
  for c in few many long; do
    for n in auto on off; do
      sc-plot latent --use-rep X_pca --color $c --names $n -o "$T/$c.$n.svg" "$T/n.scz"
      is_svg "$T/$c.$n.svg"
    done
    ! cmp -s "$T/$c.on.svg" "$T/$c.off.svg"
  done
  cmp "$T/few.auto.svg" "$T/few.off.svg"
  cmp "$T/many.auto.svg" "$T/many.on.svg"
  # numbers before the names take room in the legend
  width() { head -n 2 "$1" | grep -o 'viewBox="[^"]*"' | cut -d ' ' -f 3 | cut -d . -f 1; }
  [ "$(width "$T/long.on.svg")" -gt "$(width "$T/long.off.svg")" ]
  [ "$(width "$T/many.on.svg")" -eq "$(width "$T/many.off.svg")" ]
  fails 2 "--names on needs a --color" sc-plot latent --use-rep X_pca --names on -o "$T/x.svg" "$T/n.scz"
  fails 2 "--names means nothing to violin" sc-plot violin --names on --key few "$T/n.scz"
}
