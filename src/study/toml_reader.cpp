#include "study/toml_reader.hpp"

#include <toml++/toml.h>

#include <algorithm>
#include <cmath>

namespace breakeven {
namespace {

TomlPlace place_of(const toml::source_region& region) {
  return {region.begin.line, region.begin.column};
}
TomlPlace place_of(const toml::node& node) {
  return place_of(node.source());
}

const toml::node& node_of(const TomlEntry& entry) {
  return *static_cast<const toml::node*>(entry.node);
}
const toml::table& table_of(const TomlTable& table) {
  return *static_cast<const toml::table*>(table.table);
}

std::string type_name(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "a list";
    case toml::node_type::string:
      return "text";
    case toml::node_type::integer:
      return "a whole number";
    case toml::node_type::floating_point:
      return "a number";
    case toml::node_type::boolean:
      return "true or false";
    default:
      return "a date or time";
  }
}

bool has_control_characters(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

/// The line on which more dots than these have been seen, comments aside; 0: none. Each dot of a key such as a.b.c
/// makes a table in a table, and toml++ 3.3 takes tables apart by recursion: tens of thousands of dots end in a full
/// stack.
unsigned line_of_too_many_dots(std::string_view text) {
  constexpr std::ptrdiff_t most_dots = 4096;
  std::ptrdiff_t dots = 0;
  for (unsigned line = 1; !text.empty(); ++line) {
    const std::string_view current = text.substr(0, text.find('\n'));
    const std::size_t first = current.find_first_not_of(" \t");
    if (first != std::string_view::npos && current[first] != '#')
      dots += std::count(current.begin(), current.end(), '.');
    if (dots > most_dots) return line;
    text.remove_prefix(std::min(current.size() + 1, text.size()));
  }
  return 0;
}

}  // namespace

struct TomlReader::Document {
  toml::table root;
};

TomlReader::TomlReader(std::string_view text, std::string path) : path_(std::move(path)) {
  if (const unsigned line = line_of_too_many_dots(text); line != 0)
    fail({line, 1}, "more than 4096 dots outside comments: nested too deeply, or better written as ranges");
  try {
    document_ = std::make_unique<const Document>(Document{toml::parse(text, path_)});
  } catch (const toml::parse_error& error) {
    fail(place_of(error.source()), std::string(error.description()));
  }
}

TomlReader::~TomlReader() = default;

TomlTable TomlReader::root() const {
  return {&document_->root, place_of(document_->root)};
}

std::vector<TomlEntry> TomlReader::entries(const TomlTable& table) const {
  std::vector<TomlEntry> entries;
  for (const auto& [key, node] : table_of(table)) {
    std::string name(key.str());
    std::replace(name.begin(), name.end(), '_', '-');
    entries.push_back({name, place_of(key.source()), &node});
  }
  const auto order = [](const TomlEntry& a, const TomlEntry& b) {
    return std::pair(a.where.line, a.where.column) < std::pair(b.where.line, b.where.column);
  };
  std::sort(entries.begin(), entries.end(), order);
  for (auto entry = entries.begin(); entry != entries.end(); ++entry) {
    const auto same = [&](const TomlEntry& other) { return other.name == entry->name; };
    if (std::any_of(entries.begin(), entry, same)) fail(entry->where, "'" + entry->name + "' is given twice");
  }
  return entries;
}

const TomlEntry* TomlReader::optional(const std::vector<TomlEntry>& entries, std::string_view name) const {
  const auto at =
      std::find_if(entries.begin(), entries.end(), [&](const TomlEntry& entry) { return entry.name == name; });
  return at == entries.end() ? nullptr : &*at;
}

const TomlEntry& TomlReader::required(const std::vector<TomlEntry>& entries, std::string_view name,
                                      std::string_view of) const {
  if (const TomlEntry* entry = optional(entries, name)) return *entry;
  const TomlPlace where = entries.empty() ? TomlPlace{} : entries.front().where;
  fail(where, std::string(of) + " needs the key '" + std::string(name) + "'");
}

std::string TomlReader::text(const TomlEntry& entry) const {
  const auto* text = node_of(entry).as_string();
  if (text == nullptr) fail(place_of(node_of(entry)), entry.name + " must be text, got " + type_name(node_of(entry)));
  return text->get();
}

Index TomlReader::whole_number(const TomlEntry& entry, Index least, Index most) const {
  const auto* number = node_of(entry).as_integer();
  if (number == nullptr || number->get() < least || number->get() > most) {
    const std::string got = number == nullptr ? type_name(node_of(entry)) : std::to_string(number->get());
    fail(place_of(node_of(entry)), entry.name + " must be a whole number from " + std::to_string(least) + " to " +
                                       std::to_string(most) + ", got " + got);
  }
  return number->get();
}

std::vector<TomlScalar> TomlReader::scalars(const TomlEntry& entry) const {
  std::vector<TomlScalar> scalars;
  const auto add = [&](const toml::node& node) {
    const TomlPlace where = place_of(node);
    if (const auto* text = node.as_string()) {
      if (text->get().empty()) fail(where, entry.name + " must not be empty text");
      if (has_control_characters(text->get())) fail(where, entry.name + " must not hold control characters");
      scalars.push_back({text->get(), where});
    } else if (const auto* flag = node.as_boolean()) {
      scalars.push_back({flag->get(), where});
    } else if (const auto* integer = node.as_integer()) {
      scalars.push_back({Index{integer->get()}, where});
    } else if (const auto* number = node.as_floating_point(); number && std::isfinite(number->get())) {
      scalars.push_back({number->get(), where});
    } else {
      fail(where, entry.name + " must be a number, true or false, text, or a list of these, got " +
                      (number ? "nan or inf" : type_name(node)));
    }
  };
  const toml::node& node = node_of(entry);
  const toml::array* list = node.as_array();
  if (list == nullptr) {
    add(node);
  } else {
    for (const toml::node& item : *list) add(item);
  }
  if (scalars.empty()) fail(place_of(node), entry.name + " must not be an empty list");
  return scalars;
}

std::string TomlReader::text_of(const TomlEntry& entry) const {
  std::string joined;
  for (const TomlScalar& item : scalars(entry)) {
    const auto* integer = std::get_if<Index>(&item.value);  // to_text() writes -1, the unknown integer, as ""
    if (!joined.empty()) joined += ",";
    joined += integer ? std::to_string(*integer) : to_text(item.value);
  }
  return joined;
}

std::vector<TomlTable> TomlReader::tables(const TomlEntry& entry) const {
  const toml::node& node = node_of(entry);
  const toml::array* list = node.as_array();
  std::vector<TomlTable> tables;
  if (list != nullptr)
    for (const toml::node& item : *list)
      if (item.is_table()) tables.push_back({item.as_table(), place_of(item)});
  if (tables.empty() || tables.size() != list->size())
    fail(place_of(node), entry.name + " must be written as one or more tables [[" + entry.name + "]]");
  return tables;
}

void TomlReader::fail(TomlPlace where, const std::string& message) const {
  throw BadRequest(path_ + ":" + std::to_string(where.line) + ":" + std::to_string(where.column) + ": " +
                   printable(message));
}

void TomlReader::unknown_key(const TomlEntry& entry, const std::vector<std::string>& known,
                             const std::string& of) const {
  const std::string near = did_you_mean(entry.name, known);
  std::string message = "unknown key '" + entry.name + "' in " + of;
  if (!near.empty()) {
    message += "; did you mean '" + near + "'?";
  } else {
    message += "; known are";
    for (const std::string& name : known) message += " " + name;
  }
  fail(entry.where, message);
}

}  // namespace breakeven
