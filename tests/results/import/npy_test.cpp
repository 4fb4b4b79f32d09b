#include "results/import/npy.hpp"

#include <zlib.h>

#include <algorithm>
#include <cstring>

#include "base/error.hpp"
#include "results/import/import_fixture.hpp"

namespace breakeven {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string npy(const std::string& dictionary, const std::string& body, int major = 1) {
  std::string length;
  for (int i = 0; i < (major == 1 ? 2 : 4); ++i) length += static_cast<char>((dictionary.size() >> (8 * i)) & 255);
  return std::string("\x93NUMPY") + static_cast<char>(major) + '\0' + length + dictionary + body;
}

std::string dictionary(const std::string& type, const std::string& shape, const std::string& fortran = "False") {
  return "{'descr': '" + type + "', 'fortran_order': " + fortran + ", 'shape': " + shape + ", }   \n";
}

template <class T>
std::string bytes_of(std::vector<T> values, bool reversed = false) {
  std::string bytes;
  for (const T value : values) {
    char one[sizeof value];
    std::memcpy(one, &value, sizeof value);
    if (reversed) std::reverse(one, one + sizeof value);
    bytes.append(one, sizeof value);
  }
  return bytes;
}

class ImportNpy : public ImportFixture {
 protected:
  ImportNpy() : ImportFixture("array.npy") { options.overwrite = true; }
  ImportSummary import() const override { return import_matrix(source, read_npy, options, out); }
  std::vector<double> imported(const std::string& file) const {
    write(file);
    import();
    return entries();
  }
  std::string why_not_file(const std::string& file) const {
    write(file);
    return why_not();
  }
};

TEST_F(ImportNpy, ReadsEveryTypeInBothByteOrders) {
  const auto expect = [&]<class T>(const std::string& name, std::vector<T> values) {
    std::vector<double> expected(values.begin(), values.end());
    for (const bool big : {false, true}) {
      const std::string type = (big ? ">" : "<") + name;
      EXPECT_EQ(imported(npy(dictionary(type, "(3,)"), bytes_of(values, big))), expected) << type;
    }
  };
  expect("f8", std::vector<double>{-0.1, 1e300, 4.9e-324});
  expect("f4", std::vector<float>{-0.1f, 1e30f, 0});
  expect("i8", std::vector<std::int64_t>{-3, std::int64_t{1} << 53, INT64_MIN});
  expect("i4", std::vector<std::int32_t>{-3, INT32_MAX, INT32_MIN});
  expect("i2", std::vector<std::int16_t>{-3, 32767, -32768});
  expect("i1", std::vector<std::int8_t>{-3, 127, -128});
  expect("u8", std::vector<std::uint64_t>{3, std::uint64_t{1} << 63, 0});
  expect("u4", std::vector<std::uint32_t>{3, UINT32_MAX, 0});
  expect("u2", std::vector<std::uint16_t>{3, 65535, 0});
  expect("u1", std::vector<std::uint8_t>{3, 255, 0});
  EXPECT_THAT(imported(npy(dictionary("|b1", "(3,)"), std::string("\1\0\1", 3))), ElementsAre(1, 0, 1));
  EXPECT_THAT(imported(npy(dictionary("|i1", "(1,)"), "\xff")), ElementsAre(-1));
}

TEST_F(ImportNpy, KeepsFloat32AndMakesTheRestFloat64) {
  imported(npy(dictionary("<f4", "(1,)"), bytes_of<float>({1})));
  EXPECT_EQ(h5::File::open(out).dataset("q").type(), h5::Type::real32);
  imported(npy(dictionary("<i2", "(1,)"), bytes_of<std::int16_t>({1})));
  const h5::Dataset dataset = h5::File::open(out).dataset("q");
  EXPECT_EQ(dataset.type(), h5::Type::real64);
  EXPECT_EQ(dataset.text_attribute("type"), "int16");
}

TEST_F(ImportNpy, ReadsVersions2And3) {
  for (const int major : {2, 3})
    EXPECT_THAT(imported(npy(dictionary("<f8", "(2, 1)"), bytes_of<double>({1, 2}), major)), ElementsAre(1, 2));
}

TEST_F(ImportNpy, TurnsFortranOrderIntoRows) {
  // 2 x 3:  0 2 4     as it lies in the file: column by column
  //         1 3 5
  EXPECT_THAT(imported(npy(dictionary("|u1", "(2, 3)", "True"), std::string("\0\1\2\3\4\5", 6))),
              ElementsAre(0, 2, 4, 1, 3, 5));
  // entry [i, j, k] of 2 x 3 x 2 lies at i + 2 j + 6 k
  EXPECT_THAT(imported(npy(dictionary("|u1", "(2, 3, 2)", "True"), std::string("\0\1\2\3\4\5\6\7\10\11\12\13", 12))),
              ElementsAre(0, 6, 2, 8, 4, 10, 1, 7, 3, 9, 5, 11));
  EXPECT_THAT(shape(), ElementsAre(2, 3, 2));
}

TEST_F(ImportNpy, KeepsTheShape) {
  write(npy(dictionary("|u1", "(2, 1, 3, 2)"), std::string(12, '\1')));
  const ImportSummary summary = import();
  EXPECT_EQ(summary.source, "uint8 array of 2 x 1 x 3 x 2");
  EXPECT_THAT(shape(), ElementsAre(2, 1, 3, 2));
}

TEST_F(ImportNpy, ReadsTheDictionaryInAnyOrderAndSpelling) {
  for (const std::string text : {"{'shape':(2,),'fortran_order':False,'descr':'|u1'}",
                                 "{\"descr\": \"|u1\", \"shape\": (2,), \"fortran_order\": True, }\n",
                                 "{ 'descr' : '<u1' ,\n'fortran_order':False, 'shape': ( 1 , 2 , ) } \n"})
    EXPECT_THAT(imported(npy(text, "\1\2")), ElementsAre(1, 2)) << text;
}

TEST_F(ImportNpy, RefusesBrokenDictionaries) {
  for (const auto& [text, reason] : std::vector<std::pair<std::string, std::string>>{
           {"", "'{' is missing"},
           {"{}", "it must give descr, fortran_order and shape"},
           {"{'descr': '|u1', 'fortran_order': False}", "it must give descr, fortran_order and shape"},
           {"{'descr': '|u1' 'fortran_order': False}", "a comma is missing between its keys"},
           {"{'descr': '|u1', 'descr': '|u1'}", "the key 'descr' is given twice"},
           {"{'colour': 'red'}", "the key 'colour' is unknown"},
           {"{'descr' '|u1'}", "':' is missing behind the key 'descr'"},
           {"{'descr': [('a', '<f8')]}", "descr must be text in quotes"},
           {"{'descr': '|u1}", "descr has no closing quote"},
           {"{'descr': '\\x3c'}", "descr must hold no backslash"},
           {"{'fortran_order': 0}", "fortran_order must be True or False"},
           {"{'shape': 3}", "'(' is missing before shape"},
           {"{'shape': (3)}", "shape must be a tuple: (3,), not (3)"},
           {"{'shape': (3 4)}", "a comma is missing in shape"},
           {"{'shape': (-3,)}", "shape must hold whole numbers"},
           {"{'shape': (03,)}", "shape must hold whole numbers"},
           {"{'shape': (3", "a comma is missing in shape"},
           {"{'shape': (1 << 3,)}", "a comma is missing in shape"},
           {"{'shape': (__import__('os').system('true'),)}", "shape must hold whole numbers"},
           {"{'shape': (99999999999999999999,)}", "shape holds a number beyond 64 bits"},
           {dictionary("|u1", "(1,)") + "x", "something follows its dictionary"}})
    EXPECT_EQ(why_not_file(npy(text, "\1")),
              source + ": has a broken header: " + reason + (reason == "'{' is missing" ? " at its beginning" : ""));
}

TEST_F(ImportNpy, RefusesTypesAndShapesThatAreNoInput) {
  for (const std::string type : {"<f2", "<c8", "|O", "|S4", "<M8[ns]", "=f8", "|f8", "f8", "<f80", "<b8"})
    EXPECT_THAT(why_not_file(npy(dictionary(type, "(1,)"), "")), HasSubstr("holds type '" + type + "'"));
  EXPECT_THAT(why_not_file(npy(dictionary("<f8", "()"), "")), HasSubstr("must have 1 to 4 dimensions, has 0"));
  EXPECT_THAT(why_not_file(npy(dictionary("<f8", "(1,1,1,1,1)"), "")), HasSubstr("dimensions, has 5"));
  EXPECT_THAT(why_not_file(npy(dictionary("<f8", "(3, 0)"), "")), HasSubstr("holds no entries: its shape is 3 x 0"));
}

TEST_F(ImportNpy, BelievesASizeOnlyIfTheFileBearsItOut) {
  EXPECT_THAT(why_not_file(npy(dictionary("<f8", "(2,)"), std::string(15, '\0'))),
              HasSubstr("is truncated: its header declares 2 entries, 1 are there"));
  EXPECT_THAT(why_not_file(npy(dictionary("<f8", "(2,)"), std::string(17, '\0'))), HasSubstr("has trailing bytes"));
  for (const std::string order : {"False", "True"})  // 8 TB that are not there
    EXPECT_THAT(why_not_file(npy(dictionary("<f8", "(1000000, 1000000)", order), "")), HasSubstr("is truncated"));
  EXPECT_THAT(why_not_file(npy(dictionary("<f8", "(4294967296, 4294967296)"), "")),  // their product is 0 modulo 2^64
              HasSubstr("declares more entries than can be counted"));
  EXPECT_THAT(why_not_file(npy(dictionary("<f8", "(1152921504606846976,)"), "")),  // 2^60 of 8 bytes
              HasSubstr("declares more entries than can be counted"));
  source = folder / "array.npy.gz";
  gzFile file = gzopen(source.c_str(), "wb");
  const std::string bytes = npy(dictionary("<f8", "(2,)"), std::string(1 << 22, '\0'));
  gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size()));
  gzclose(file);
  EXPECT_THAT(why_not(), HasSubstr("array.npy.gz: has trailing bytes"));
}

TEST_F(ImportNpy, RefusesOtherFiles) {
  EXPECT_THAT(why_not_file(""), HasSubstr("array.npy: is not an NPY file"));
  EXPECT_THAT(why_not_file("PK\x03\x04 and so on"), HasSubstr("is not an NPY file"));
  EXPECT_THAT(why_not_file(npy(dictionary("<f8", "(1,)"), std::string(8, '\0'), 4)), HasSubstr("is of version 4.0"));
  EXPECT_THAT(why_not_file(std::string("\x93NUMPY\1\0\xff", 9)), HasSubstr("ends inside its header"));
  EXPECT_THAT(why_not_file(std::string("\x93NUMPY\1\0\xff\0{", 11)), HasSubstr("ends inside its header"));
  EXPECT_THAT(why_not_file(std::string("\x93NUMPY\2\0\xff\xff\xff\xff{", 13)),
              HasSubstr("has a header of 4294967295 bytes"));
}

TEST_F(ImportNpy, RefusesNanByItsPlace) {
  EXPECT_THAT(why_not_file(npy(dictionary("<f8", "(2, 2)"), bytes_of<double>({1, 2, 3, std::nan("")}))),
              HasSubstr("array.npy: the entry at [1, 1] is nan"));
}

}  // namespace
}  // namespace breakeven
