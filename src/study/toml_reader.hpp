#pragma once

#include <concepts>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.hpp"
#include "base/index.hpp"
#include "base/value.hpp"

namespace breakeven {

/// A place in a TOML file, counted from 1.
struct TomlPlace {
  unsigned line = 1;
  unsigned column = 1;
};

struct TomlScalar {
  Value value;
  TomlPlace where;
};

/// A table of the document; valid as long as its reader.
struct TomlTable {
  const void* table = nullptr;
  TomlPlace where;
};

/// One key of a table with its value, not yet looked at.
struct TomlEntry {
  std::string name;  ///< written with dashes
  TomlPlace where;
  const void* node = nullptr;
};

/// The few shapes a study file may have: a table of scalars, lists of scalars and lists of tables. Every error is a
/// BadRequest that begins with path:line:column. toml++ stays in the .cpp.
class TomlReader {
 public:
  /// Parses; broken TOML and values nested too deeply for the parser are BadRequest.
  TomlReader(std::string_view text, std::string path);
  ~TomlReader();
  TomlReader(const TomlReader&) = delete;
  TomlReader& operator=(const TomlReader&) = delete;

  TomlTable root() const;
  /// The keys in the order of the file; a key written both a-b and a_b is an error.
  std::vector<TomlEntry> entries(const TomlTable& table) const;
  const TomlEntry* optional(const std::vector<TomlEntry>& entries, std::string_view name) const;
  const TomlEntry& required(const std::vector<TomlEntry>& entries, std::string_view name, std::string_view of) const;

  std::string text(const TomlEntry& entry) const;
  Index whole_number(const TomlEntry& entry, Index least, Index most) const;
  /// A list of scalars, at least one; a lone scalar is a list of one.
  std::vector<TomlScalar> scalars(const TomlEntry& entry) const;
  /// The same as the drivers write a list: items joined by commas.
  std::string text_of(const TomlEntry& entry) const;
  /// [[name]] tables, at least one.
  std::vector<TomlTable> tables(const TomlEntry& entry) const;

  [[noreturn]] void fail(TomlPlace where, const std::string& message) const;
  [[noreturn]] void unknown_key(const TomlEntry& entry, const std::vector<std::string>& known,
                                const std::string& of) const;

  /// Runs `body`; a BadRequest without a place gets this one.
  template <std::invocable Body>
  void at(TomlPlace where, const Body& body) const {
    try {
      body();
    } catch (const BadRequest& error) {
      if (std::string_view(error.what()).starts_with(path_ + ":")) throw;
      fail(where, error.what());
    }
  }

 private:
  struct Document;
  std::string path_;
  std::unique_ptr<const Document> document_;
};

}  // namespace breakeven
