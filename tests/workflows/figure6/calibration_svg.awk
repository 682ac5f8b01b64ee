# awk -f calibration_svg.awk TABLE: a picture of what calibration.awk wrote: accuracy by confidence, a dot a bin, whose
# area is its share of the cells; on the line, probabilities are as good as they say.
BEGIN {
    FS = "\t"; size = 320; left = 60; top = 20
    print "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"420\" height=\"400\" font-family=\"sans-serif\" font-size=\"13\">"
    print "<rect width=\"420\" height=\"400\" fill=\"white\"/>"
    line(0, 0, 1, 1, "#999999\" stroke-dasharray=\"4 4")
    line(0, 0, 1, 0, "black"); line(0, 0, 0, 1, "black")
    for (v = 0; v <= 1.01; v += 0.25) {
        printf "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%.2f</text>\n", x(v), y(0) + 18, v
        printf "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">%.2f</text>\n", x(0) - 6, y(v) + 4, v
    }
    printf "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">probability of the label</text>\n", x(0.5), y(0) + 40
    printf "<text transform=\"translate(16,%.1f) rotate(-90)\" text-anchor=\"middle\">share of right labels</text>\n", y(0.5)
}
function x(v) { return left + size * v }
function y(v) { return top + size * (1 - v) }
function line(a, b, c, d, stroke) {
    printf "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\"/>\n", x(a), y(b), x(c), y(d), stroke
}
NR > 1 && $1 != "error" { n++; cells[n] = $2; confidence[n] = $3; accuracy[n] = $4; total += $2 }
$1 == "error" { printf "<text x=\"%.1f\" y=\"%.1f\">expected calibration error %s</text>\n", x(0.05), y(0.95), $4 }
END {
    for (i = 1; i <= n; i++)
        printf "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" fill=\"#0072b2\" fill-opacity=\"0.8\"><title>%d cells</title></circle>\n", x(confidence[i]), y(accuracy[i]), 3 + 20 * sqrt(cells[i] / total), cells[i]
    print "</svg>"
}
