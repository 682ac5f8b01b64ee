load helper

# A model with a history: four epochs, validation in every second one.
model() {
  need_command sc-fit
  sc-sim --mock | sc-fit -q -m ldvae --max-epochs 4 --check-val-every 2 -o "$T/m.scm"
}

is_svg() { head -c 200 "$1" | grep -q '<svg' && tail -c 20 "$1" | grep -q '</svg>'; }

@test "latent draws a panel for each pair of dimensions" {
  sc-sim --mock | sc-plot latent --color cell_type -o "$T/z.svg"
  is_svg "$T/z.svg"
  sc-sim --mock --latent-dim 3 | sc-plot latent > "$T/three.svg"
  is_svg "$T/three.svg"
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
  fails 2 "--color is for cells" sc-plot history --color batch "$T/m.scz"
  fails 2 "--all is for a history" sc-plot latent --all "$T/m.scz"
  fails 1 "" sc-plot history "$T/m.scz"
}

@test "a stream cut short gives no picture" {
  sc-sim --mock -o "$T/m.scz"
  head -c 3000 "$T/m.scz" > "$T/cut.scz"
  fails 1 "" sc-plot latent -o "$T/z.svg" "$T/cut.scz"
  [ ! -e "$T/z.svg" ]
  fails 1 "No space left" bash -c 'sc-plot latent "$T/m.scz" > /dev/full'
}
