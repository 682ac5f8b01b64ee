# Counts and proteins of one batch's cells, as sc-view prints them, to a folder of MatrixMarket files; without the
# proteins in `hidden`. A cell's name ends in -batch.
BEGIN {
    FS = "\t"
    n = split(hidden, h, " ")
    for (i = 1; i <= n; i++)
        is_hidden[h[i] "_TotalSeqB"] = 1
}
FNR == 1 {
    n_files++
    for (i = 2; i <= NF; i++)
        if (!(n_files == 2 && ($i in is_hidden))) {
            row[n_files, i] = ++n_rows
            print $i "\t" $i "\t" (n_files == 1 ? "Gene Expression" : "Antibody Capture") >(to "/features.tsv")
        }
    next
}
substr($1, length($1) - length(batch)) == "-" batch {
    if (n_files == 1) {
        print $1 >(to "/barcodes.tsv")
        cell[$1] = ++n_cells
    }
    for (i = 2; i <= NF; i++)
        if ($i != 0 && ((n_files, i) in row))
            entry[++n_entries] = row[n_files, i] " " cell[$1] " " $i
}
END {
    print "%%MatrixMarket matrix coordinate integer general" >(to "/matrix.mtx")
    print n_rows, n_cells, n_entries >(to "/matrix.mtx")
    for (k = 1; k <= n_entries; k++)
        print entry[k] >(to "/matrix.mtx")
}
