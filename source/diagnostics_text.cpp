// Diagnostics for people: the message, the quoted lines with marks below, the notes.

#include "source/diagnostics.h"
#include "source/utf8.h"

#include <algorithm>
#include <iterator>
#include <map>

namespace nnc {
namespace {

constexpr size_t widest = 160;     // bytes of a line that are quoted
constexpr size_t before_mark = 70; // of these, in front of the mark where the line is cut
constexpr int tab_width = 4;

struct Palette {
  const char *error, *warning, *note, *bold, *mark, *label, *off;
};
constexpr Palette plain = {"", "", "", "", "", "", ""};
constexpr Palette coloured = {"\033[1;31m", "\033[1;35m", "\033[1;36m", "\033[1m", "\033[1;31m", "\033[1;34m", "\033[0m"};

/// What is drawn below one line: a stretch of it in bytes, with a text.
struct Mark {
  size_t begin, end;
  char drawn; // '^' or '-'
  std::string text;
  size_t column = 0, width = 1; // where it is drawn
};

/// A line as it is shown: tabs and characters that do not print replaced, long lines cut to the stretch around the first mark.
struct ShownLine {
  std::string text;
  size_t first = 0, last = 0;  // the bytes of the line that are shown
  std::vector<size_t> columns; // of each byte in [first, last], the column where its character is drawn
};

ShownLine show(std::string_view line, size_t around) {
  ShownLine shown;
  shown.last = line.size();
  auto to_boundary = [&](size_t at) {
    while (at > 0 && at < line.size() && (line[at] & 0xC0) == 0x80) --at;
    return at;
  };
  if (line.size() > widest) {
    shown.first = to_boundary(around > before_mark ? std::min(around - before_mark, line.size() - widest) : 0);
    shown.last = to_boundary(std::min(line.size(), shown.first + widest));
  }
  size_t column = 0;
  auto put = [&](std::string_view text, size_t width) { shown.text += text, column += width; };
  if (shown.first > 0) put("…", 1);
  for (size_t at = shown.first; at < shown.last;) {
    Character character = character_at(line, at);
    character.length = static_cast<uint32_t>(std::min<size_t>(character.length, shown.last - at));
    shown.columns.insert(shown.columns.end(), character.length, column);
    bool prints = character.code_point >= 0x20 && character.code_point != 0x7F && character.code_point != 0x2028;
    if (character.code_point == '\t')
      put(std::string(tab_width - column % tab_width, ' '), tab_width - column % tab_width);
    else if (!prints || (character.code_point >= 0x80 && character.code_point < 0xA0))
      put("\uFFFD", 1);
    else
      put(line.substr(at, character.length), static_cast<size_t>(display_width(character)));
    at += character.length;
  }
  shown.columns.push_back(column);
  if (shown.last < line.size()) put("…", 1);
  return shown;
}

size_t columns_of(std::string_view text) {
  size_t columns = 0;
  for (size_t at = 0; at < text.size(); at += character_at(text, at).length)
    columns += static_cast<size_t>(display_width(character_at(text, at)));
  return columns;
}

/// Rows of text below a line, filled at given columns.
struct Row {
  std::string text;
  size_t columns = 0;

  bool fits(size_t column) const { return columns == 0 || columns + 1 < column; }
  void put(size_t column, std::string_view what, const char *colour, const char *off) {
    if (what.empty() || column < columns) return;
    text.append(column - columns, ' ').append(colour).append(what).append(off);
    columns = column + columns_of(what);
  }
};

/// The labels' texts, each below its mark: on the first row where it ends before the next text begins; bars lead down to later rows.
std::vector<Row> label_rows(const std::vector<Mark> &marks, const Palette &palette) {
  std::vector<size_t> row_of(marks.size(), 0), row_start; // row_start: the leftmost column that a row uses
  for (size_t m = marks.size(); m-- > 0;) {
    if (marks[m].text.empty()) continue;
    size_t row = 0;
    while (row < row_start.size() && marks[m].column + columns_of(marks[m].text) + 2 > row_start[row]) ++row;
    if (row == row_start.size()) row_start.push_back(0);
    // A bar of this mark crosses the rows above, so nothing further left may be put over it there.
    for (size_t above = 0; above <= row; ++above) row_start[above] = marks[m].column;
    row_of[m] = row;
  }
  std::vector<Row> rows(row_start.size());
  for (size_t m = 0; m < marks.size(); ++m) {
    if (marks[m].text.empty()) continue;
    for (size_t row = 0; row < row_of[m]; ++row) rows[row].put(marks[m].column, "|", palette.label, palette.off);
    rows[row_of[m]].put(marks[m].column, marks[m].text, palette.label, palette.off);
  }
  return rows;
}

std::string trimmed(std::string text) {
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

/// One quoted line with its marks and texts.
void quote_line(std::string &out, std::string_view line, int number, int gutter, std::vector<Mark> marks,
                const Palette &palette) {
  auto main = std::find_if(marks.begin(), marks.end(), [](const Mark &mark) { return mark.drawn == '^'; });
  ShownLine shown = show(line, main != marks.end() ? main->begin : marks.front().begin);
  for (Mark &mark : marks) {
    size_t begin = std::clamp(mark.begin, shown.first, shown.last), end = std::clamp(mark.end, begin, shown.last);
    mark.column = shown.columns[begin - shown.first];
    mark.width = std::max<size_t>(1, shown.columns[end - shown.first] - mark.column);
  }
  // Longer marks first, so that those within them are drawn over them; the main one last.
  std::stable_sort(marks.begin(), marks.end(), [](const Mark &a, const Mark &b) {
    return std::pair(a.drawn == '^', b.width) < std::pair(b.drawn == '^', a.width);
  });
  std::string drawn;
  for (const Mark &mark : marks) {
    drawn.resize(std::max(drawn.size(), mark.column + mark.width), ' ');
    std::fill_n(drawn.begin() + static_cast<std::ptrdiff_t>(mark.column), mark.width, mark.drawn);
  }
  std::string painted;
  for (size_t at = 0; at < drawn.size();) {
    size_t end = std::min(drawn.find_first_not_of(drawn[at], at), drawn.size());
    const char *colour = drawn[at] == '^' ? palette.mark : drawn[at] == '-' ? palette.label : "";
    painted += fmt::format("{}{}{}", colour, drawn.substr(at, end - at), *colour ? palette.off : "");
    at = end;
  }
  std::stable_sort(marks.begin(), marks.end(), [](const Mark &a, const Mark &b) { return a.column < b.column; });
  out += trimmed(fmt::format("  {:>{}} | {}", number, gutter, shown.text)) + "\n";
  out += fmt::format("  {:>{}} | {}\n", "", gutter, painted);
  for (const Row &row : label_rows(marks, palette)) out += fmt::format("  {:>{}} | {}\n", "", gutter, row.text);
}

/// The marks of a diagnostic, by file (that of the main mark first) and line.
std::map<std::tuple<bool, uint32_t, int>, std::vector<Mark>> marks_of(const Diagnostic &diagnostic, const SourceMap &sources) {
  std::map<std::tuple<bool, uint32_t, int>, std::vector<Mark>> lines;
  auto add = [&](Span span, char drawn, const std::string &text) {
    const SourceFile &file = sources.file(span.file);
    int number = file.line_column(span.begin).line;
    std::string_view line = file.line(number);
    size_t start = static_cast<size_t>(line.data() - file.text().data());
    size_t begin = std::min<size_t>(span.begin - start, line.size());
    size_t end = std::clamp<size_t>(span.end < start ? 0 : span.end - start, begin, line.size());
    lines[{span.file != diagnostic.span.file, span.file, number}].push_back({begin, end, drawn, text});
  };
  std::string main_text; // a label of the main place itself puts its text below the main mark
  for (const Label &label : diagnostic.labels)
    if (label.span == diagnostic.span)
      main_text = label.text;
    else
      add(label.span, '-', label.text);
  add(diagnostic.span, '^', main_text);
  return lines;
}

void render_one(std::string &out, const Diagnostic &diagnostic, const SourceMap &sources, const Palette &palette) {
  bool error = diagnostic.severity == Severity::error;
  out += fmt::format("{}{}:{} {}{}:{} {}{}{}\n", palette.bold, sources.describe(diagnostic.span), palette.off,
                     error ? palette.error : palette.warning, error ? "error" : "warning", palette.off, palette.bold,
                     diagnostic.message, palette.off);
  auto lines = marks_of(diagnostic, sources);
  int highest = 0;
  for (auto &[place, marks] : lines) highest = std::max(highest, std::get<2>(place));
  int gutter = static_cast<int>(std::to_string(highest).size());
  uint32_t file = diagnostic.span.file;
  for (auto &[place, marks] : lines) {
    auto [other, number, line] = place;
    if (number != file) out += fmt::format("  {:>{}} in {}:\n", "", gutter, sources.file(number).path());
    file = number;
    quote_line(out, sources.file(number).line(line), line, gutter, std::move(marks), palette);
  }
  for (const Note &note : diagnostic.notes)
    out += fmt::format("  {}note:{} {}{}\n", palette.note, palette.off, note.text,
                       note.has_place ? fmt::format(" at {}", sources.describe(note.span)) : "");
}

} // namespace

std::string render_text(const Diagnostics &diagnostics, bool color) {
  auto sorted = diagnostics.sorted();
  std::string out;
  for (size_t i = 0; i < std::min(sorted.size(), most_rendered); ++i)
    render_one(out, *sorted[i], diagnostics.sources(), color ? coloured : plain);
  if (sorted.size() > most_rendered) out += fmt::format("{} more are not shown\n", sorted.size() - most_rendered);
  return out;
}

} // namespace nnc
