#pragma once

#include <array>
#include <string_view>

/// Names and versions of the results file. docs/results_format.md is the standard that explains them.
namespace breakeven::schema {

inline constexpr std::string_view format = "breakeven-results";
inline constexpr std::string_view format_version = "1.1.0";
/// Files of another major version are refused; a newer minor version only adds what this reader does not look at.
inline constexpr int major_version = 1;
inline constexpr std::string_view conventions = "CF-1.10";

inline constexpr std::string_view cases = "cases";
inline constexpr std::string_view samples = "samples";
inline constexpr std::string_view ranks = "ranks";
inline constexpr std::string_view calibration = "calibration";
inline constexpr std::string_view ceilings = "ceilings";  // below calibration
inline constexpr std::string_view environment = "environment";
inline constexpr std::string_view provenance = "provenance";

/// The value of the attribute `kind`, in the order their columns are stored in.
inline constexpr std::array<std::string_view, 8> kinds{"identity",    "factor",  "parameter", "placement",
                                                       "measurement", "quality", "count",     "verdict"};

/// Stored form of a flag that is neither false nor true: a parameter that the method lacks.
inline constexpr unsigned char unknown_flag = 255;

/// Digits of the hash in the names of shards and of the groups below /ranks.
inline constexpr std::size_t short_hash = 16;

inline constexpr std::string_view how_to_read =
    "import h5py, pandas\n"
    "f = h5py.File('study.h5')\n"
    "print(pandas.DataFrame({k: (v.asstr() if v.dtype.kind == 'O' else v)[:] for k, v in f['cases'].items()}))";

/// Begins the line that follows the HDF5 data, where no HDF5 reader looks: then the SHA-256 of all bytes before it.
inline constexpr std::string_view checksum_mark = "\nbreakeven sha256 ";

}  // namespace breakeven::schema
