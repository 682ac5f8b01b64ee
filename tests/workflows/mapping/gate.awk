# gate.awk PROTEINS...: tech, barcode and a coarse cell type of each cell, by its surface proteins; as knn.awk wants it.
BEGIN { FS = OFS = "\t"; print "tech", "barcode", "cell_type" }
FNR == 1 {
    for (i = 2; i <= NF; i++) { name = $i; sub(/_.*/, "", name); at[name] = i }
    next
}
{
    type = $at["CD19"] > 100 ? "B" : $at["CD14"] > 100 ? "Mono" : $at["CD3"] <= 150 ? "other" : $at["CD8a"] > $at["CD4"] ? "CD8 T" : "CD4 T"
    print "", $1, type
}
