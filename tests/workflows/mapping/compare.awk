# compare.awk JOINT MODEL JOINT_LABELS MODEL_LABELS: a row of the table. Embeddings, then what knn.awk said. The distance
# is the root mean square over cells, in units of the joint embedding's own spread.
BEGIN { FS = OFS = "\t" }
FNR == 1 { file++ }
file == 1 && FNR > 1 { for (d = 2; d <= NF; d++) { z[$1, d] = $d; sum[d] += $d; squares[d] += $d ^ 2 } n++ }
file == 2 && FNR > 1 { for (d = 2; d <= NF; d++) moved += ($d - z[$1, d]) ^ 2 }
file == 3 { joint[$1] = $3 }
file == 4 { cells++; right += $3 == $2; same += $3 == joint[$1] }
END {
    for (d in sum) spread += squares[d] - sum[d] ^ 2 / n
    printf "%s\t%s\t%.1f %%\t%.1f %%\t%.3f%s\n", batch, model, 100 * right / cells, 100 * same / cells,
        sqrt(moved / spread), elbo ? "\t" elbo : ""
}
