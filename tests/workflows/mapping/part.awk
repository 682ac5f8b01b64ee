# awk -v rest=R -v to=FOLDER -f part.awk X PROTEINS: every other cell (row number modulo 2 is R) of two tables as sc-view
# prints them, as the folder of a 10x matrix with genes and antibodies.
BEGIN {
    FS = "\t"
    system("mkdir -p " to)
}
FNR == 1 {
    file++
    for (i = 2; i <= NF; i++) {
        features[++n_features] = $i
        print $i "\t" $i "\t" (file == 1 ? "Gene Expression" : "Antibody Capture") >(to "/features.tsv")
    }
    first = file == 1 ? 0 : n_features - NF + 1
    cell = 0
    next
}
FNR % 2 != rest { next }
{
    cell++
    if (file == 1) print $1 >(to "/barcodes.tsv")
    for (i = 2; i <= NF; i++)
        if ($i != 0) entry[++n] = (first + i - 1) " " cell " " $i
}
END {
    print "%%MatrixMarket matrix coordinate integer general" >(to "/matrix.mtx")
    print n_features, cell, n >(to "/matrix.mtx")
    for (k = 1; k <= n; k++) print entry[k] >(to "/matrix.mtx")
}
