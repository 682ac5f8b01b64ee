/* The page's files, as they lie beside this one, made part of the program. */
#include "report.h"

#define FOLDER "tools/sc-report/"
#define ASSET(id, file)                                                                            \
    extern const char report_##id##_begin[], report_##id##_end[];                                  \
    __asm__(".pushsection .rodata\n"                                                               \
            ".hidden report_" #id "_begin\n.hidden report_" #id "_end\n"                           \
            ".globl report_" #id "_begin\n.globl report_" #id "_end\n"                             \
            "report_" #id "_begin:\n.incbin \"" FOLDER file "\"\n"                                 \
            "report_" #id "_end:\n.byte 0\n.popsection\n")

ASSET(page, "page.html");
ASSET(style, "page.css");
ASSET(data, "data.js");
ASSET(colour, "colour.js");
ASSET(map, "map.js");
ASSET(chart, "chart.js");
ASSET(table, "table.js");
ASSET(main, "main.js");

const report_asset report_assets[] = {
    {"page.html", report_page_begin, report_page_end},
    {"page.css", report_style_begin, report_style_end},
    {"data.js", report_data_begin, report_data_end},
    {"colour.js", report_colour_begin, report_colour_end},
    {"map.js", report_map_begin, report_map_end},
    {"chart.js", report_chart_begin, report_chart_end},
    {"table.js", report_table_begin, report_table_end},
    {"main.js", report_main_begin, report_main_end},
    {0},
};
