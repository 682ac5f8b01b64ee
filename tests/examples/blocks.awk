# The examples of a man page or of a Markdown file, each into OUT/1.sh, OUT/2.sh ...: lines of .Dl one after the other
# and blocks of .Bd -literal in the section EXAMPLES (with ALL set: in all sections), or what stands between ```sh
# and ```. A prompt is left out.
function begin() { if (!file) file = OUT "/" ++n ".sh" }
function end() { if (file) close(file); file = "" }
function put(line) {
    gsub(/\\e/, "\\", line); gsub(/\\\(dq/, "\"", line); gsub(/\\\(aq/, "'", line); gsub(/\\-/, "-", line)
    gsub(/\\&/, "", line)
    sub(/^\$ /, "", line)
    begin()
    print line >file
}
FILENAME ~ /\.md$/ {
    if ($0 == "```sh") { is_code = 1; begin() }
    else if ($0 ~ /^```/) { is_code = 0; end() }
    else if (is_code) put($0)
    next
}
/^\.Sh / { in_section = ALL || $2 == "EXAMPLES"; end(); next }
!in_section { next }
/^\.Bd -literal/ { end(); is_code = 1; next }
/^\.Ed/ { is_code = 0; end(); next }
is_code { put($0); next }
/^\.Dl / { put(substr($0, 5)); next }
{ end() }
