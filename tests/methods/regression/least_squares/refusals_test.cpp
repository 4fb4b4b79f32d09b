#include <gmock/gmock.h>

#include <map>

#include "base/error.hpp"
#include "comm/agree.hpp"
#include "support/least_squares_runs.hpp"
#include "support/on_ranks.hpp"

// What least squares refuse: sizes, options, files, data, and matrices of deficient rank.
namespace breakeven::testing_support {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string refusal(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

std::string refusal_of(const std::function<void(LeastSquaresSpec&)>& change) {
  LeastSquaresSpec spec = least_squares_spec(10, 3, "graded");
  change(spec);
  return refusal([&] { LeastSquaresProblem<double>::validate(spec); });
}

TEST(LeastSquaresOptions, AreRefusedWithOptionBoundAndValue) {
  EXPECT_EQ(refusal_of([](LeastSquaresSpec&) {}), "");
  EXPECT_EQ(refusal_of([](LeastSquaresSpec& s) { s.n = 0; }), "n must be at least 1, got 0");
  EXPECT_EQ(refusal_of([](LeastSquaresSpec& s) { s.d = 0; }), "d must be at least 1, got 0");
  EXPECT_EQ(refusal_of([](LeastSquaresSpec& s) { s.rhs = 0; }), "rhs must be at least 1, got 0");
  EXPECT_EQ(refusal_of([](LeastSquaresSpec& s) { s.n = 2; }),
            "n must be at least d = 3: least squares need as many rows as unknowns, got 2");
  EXPECT_THAT(refusal_of([](LeastSquaresSpec& s) { s.n = Index{1} << 55; }), HasSubstr("at most 2^56, got"));
  EXPECT_THAT(refusal_of([](LeastSquaresSpec& s) { s.n = s.rhs = Index{1} << 62; }), HasSubstr("at most 2^56, got"));
  EXPECT_EQ(refusal_of([](LeastSquaresSpec& s) { s.rhs = Index{1} << 31; }),
            "rhs must be at most 2^31 - 1, got 2147483648");
  EXPECT_EQ(refusal_of([](LeastSquaresSpec& s) { s.ridge = -1; }), "ridge must be finite and at least 0, got -1");
  EXPECT_EQ(refusal_of([](LeastSquaresSpec& s) { s.ridge = INFINITY; }),
            "ridge must be finite and at least 0, got inf");
  EXPECT_EQ(refusal_of([](LeastSquaresSpec& s) { s.noise = NAN; }), "noise must be finite and at least 0, got NaN");
  EXPECT_EQ(refusal_of([](LeastSquaresSpec& s) { s.condition = 0.5; }),
            "condition must be finite and at least 1, got 0.5");
  EXPECT_EQ(refusal_of([](LeastSquaresSpec& s) { s.d = 1; }), "condition must be 1 at d = 1, got 10000");
}

TEST(LeastSquaresOptions, LeaveConditionOutWhereItIsNoFactor) {
  EXPECT_EQ(LeastSquaresProblem<double>::normalised(graded_spec(9, 3, 10)).condition, 10);
  EXPECT_TRUE(std::isnan(LeastSquaresProblem<double>::normalised(least_squares_spec(9, 3)).condition));
}

/// Shapes alone: from_input() reads no numbers.
class Shapes final : public InputFile {
 public:
  explicit Shapes(std::map<std::string, Shape> shapes) : shapes_(std::move(shapes)) {}
  std::string path() const override { return "data.h5"; }
  std::string sha256() const override { return ""; }
  void adopt_sha256(const std::string&) override {}
  bool has(std::string_view name) const override { return shapes_.contains(std::string(name)); }
  Shape shape(std::string_view name) const override { return shapes_.at(std::string(name)); }
  void read(std::string_view, Index, Range, std::span<float>) const override {}
  void read(std::string_view, Index, Range, std::span<double>) const override {}

 private:
  std::map<std::string, Shape> shapes_;
};

/// A spec with nothing asked for, as the command line hands it out with an input file.
LeastSquaresSpec open_spec() {
  LeastSquaresSpec spec;
  spec.n = spec.d = spec.rhs = unknown_index;
  spec.ridge = spec.noise = spec.condition = NAN;
  return spec;
}

std::string input_refusal(const std::map<std::string, Shape>& shapes,
                          const std::function<void(LeastSquaresSpec&)>& change = {}) {
  LeastSquaresSpec spec = open_spec();
  if (change) change(spec);
  return refusal([&] { LeastSquaresProblem<double>::from_input(spec, Shapes(shapes)); });
}

TEST(LeastSquaresInput, GivesTheSizes) {
  const Shapes file({{"a", {12, 4}}, {"b", {12, 3}}, {"a_test", {5, 4}}, {"b_test", {5, 3}}});
  const LeastSquaresSpec spec = LeastSquaresProblem<double>::from_input(open_spec(), file);
  EXPECT_EQ(spec.n, 12);
  EXPECT_EQ(spec.d, 4);
  EXPECT_EQ(spec.rhs, 3);
  EXPECT_EQ(spec.ridge, 0);
  EXPECT_EQ(spec.test_rows, 5);
  EXPECT_EQ(spec.data, "file");
  LeastSquaresSpec first_rows = open_spec();
  first_rows.n = 7;
  first_rows.ridge = 2;
  first_rows = LeastSquaresProblem<double>::from_input(first_rows, Shapes({{"a", {12, 4}}, {"b", {12, 1}}}));
  EXPECT_EQ(first_rows.n, 7);
  EXPECT_EQ(first_rows.ridge, 2);
  EXPECT_EQ(first_rows.test_rows, 0);
}

TEST(LeastSquaresInput, IsRefusedWhereShapesDoNotFit) {
  const std::map<std::string, Shape> good{{"a", {12, 4}}, {"b", {12, 3}}};
  const auto with = [&](const char* name, const Shape& shape) {
    std::map<std::string, Shape> shapes = good;
    shapes[name] = shape;
    return shapes;
  };
  EXPECT_EQ(input_refusal(good), "");
  EXPECT_EQ(input_refusal(with("b", {11, 3})), "data.h5: /b is 11 x 3 but /a is 12 x 4; rows must be equal");
  EXPECT_EQ(input_refusal(with("a", {2, 12, 4})), "data.h5: /a must be a matrix or a vector, has 3 dimensions");
  EXPECT_EQ(input_refusal(good, [](LeastSquaresSpec& s) { s.n = 13; }),
            "n must be at most 12, the rows of /a of data.h5, got 13");
  EXPECT_EQ(input_refusal(good, [](LeastSquaresSpec& s) { s.d = 5; }), "d must be 4 as in the input file, got 5");
  EXPECT_EQ(input_refusal(good, [](LeastSquaresSpec& s) { s.rhs = 1; }), "rhs must be 3 as in the input file, got 1");
  EXPECT_EQ(input_refusal(good, [](LeastSquaresSpec& s) { s.noise = 1; }),
            "noise must not be given with an input file, got 1");
  EXPECT_EQ(input_refusal(with("a_test", {5, 4})), "data.h5: /a_test and /b_test go together, there is no /b_test");
  auto tests = with("a_test", {5, 4});
  tests["b_test"] = {6, 3};
  EXPECT_EQ(input_refusal(tests),
            "data.h5: /a_test is 5 x 4 and /b_test 6 x 3; they need equal rows, 4 columns as /a and 3 as /b");
}

using LeastSquaresRefusals = OnRanks;

TEST_P(LeastSquaresRefusals, NameTheLowestBadValue) {
  on_ranks([](const Communicator& comm) {
    LeastSquaresData data = LeastSquaresData::generated(least_squares_spec(20, 3));
    data.a(0, 13, 2) = NAN;
    data.a(0, 17, 0) = INFINITY;
    data.b(0, 2, 0) = -INFINITY;
    const LeastSquaresMemory<double> source(data);
    const Layout layout = Layout::contiguous(20, comm.size());
    const LeastSquaresProblem<double> problem(data.spec, source, layout, comm.rank());
    const std::optional<BadValue> found = problem.first_bad_value();
    const Range mine = layout.ranges(comm.rank()).front();
    if (mine.begin <= 13 && 13 < mine.end) {  // local, no collective follows from it
      EXPECT_EQ(found->message, "dataset /a holds NaN at row 13, column 2");
      EXPECT_EQ(found->position, 13 * 3 + 2);
    } else if (mine.begin <= 2 && 2 < mine.end) {
      EXPECT_EQ(found->message, "dataset /b holds -infinity at row 2, column 0");
      EXPECT_EQ(found->position, 20 * 3 + 2);  // after all of /a
    }
  });
}

TEST_P(LeastSquaresRefusals, NameAColumnOfZerosOnEveryRank) {
  on_ranks([](const Communicator& comm) {
    LeastSquaresData data = LeastSquaresData::generated(least_squares_spec(20, 4));
    const auto observed = [&] {
      const LeastSquaresMemory<double> source(data);
      const LeastSquaresProblem<double> problem(data.spec, source, Layout::contiguous(20, comm.size()), comm.rank());
      return refusal([&] { LeastSquaresProblem<double>::observed(comm, data.spec, problem); });
    };
    for (Index i = 0; i < 20; ++i) data.a(0, i, 2) = i == 11 ? 1e-300 : 0;
    EXPECT_EQ(observed(), "");
    data.a(0, 11, 2) = 0;
    EXPECT_EQ(
        observed(),
        "dataset /a holds nothing but zeros in column 2, so the answer is not unique; leave it out or give a ridge "
        "above 0");
    data.spec.ridge = 1;
    EXPECT_EQ(observed(), "");
  });
}

/// What no single diagonal entry of R tells, too: Kahan's triangle has a smallest singular value far below all of them.
TEST_P(LeastSquaresRefusals, TheReferenceKnowsTheRankOfTheData) {
  on_ranks([](const Communicator& comm) {
    constexpr Index d = 60;
    LeastSquaresData sums = LeastSquaresData::generated(least_squares_spec(80, 5)), kahan(least_squares_spec(80, d));
    for (Index i = 0; i < 80; ++i) sums.a(0, i, 3) = sums.a(0, i, 0) + sums.a(0, i, 1);
    const double s = std::sin(0.9), c = std::cos(0.9);
    for (Index i = 0; i < d; ++i)
      for (Index j = i; j < d; ++j) kahan.a(0, i, j) = std::pow(s, static_cast<double>(i)) * (i == j ? 1 : -c);
    ASSERT_GT(kahan.a(0, d - 1, d - 1), 1e-7);
    const auto refused = [&](const LeastSquaresData& data, auto scalar) {
      return refusal([&] { reference_of<decltype(scalar)>(comm, data); });
    };
    EXPECT_THAT(refused(sums, 1.0), HasSubstr("columns of dataset /a are dependent, rank 4 of 5"));
    EXPECT_THAT(refused(sums, 1.0F), HasSubstr("rank 4 of 5")) << "to the precision of its entries";
    EXPECT_THAT(refused(kahan, 1.0), HasSubstr("rank 59 of 60"));
    sums.spec.ridge = kahan.spec.ridge = 1e-3;
    EXPECT_EQ(refused(sums, 1.0) + refused(sums, 1.0F) + refused(kahan, 1.0), "");
    EXPECT_EQ(refused(LeastSquaresData::generated(graded_spec(80, 20, 1e12)), 1.0), "");
  });
}

TEST_P(LeastSquaresRefusals, NameTheDeficiencyUnlessARidgeMakesTheAnswerUnique) {
  on_ranks([](const Communicator& comm) {
    LeastSquaresData data = LeastSquaresData::generated(least_squares_spec(50, 5));
    for (Index i = 0; i < 50; ++i) data.a(0, i, 3) = data.a(0, i, 0) + data.a(0, i, 1);
    for (const LeastSquaresMethod& method : exact_methods()) {
      std::string message;
      try {
        method.run(comm, data, Precision::f64);
      } catch (const CollectiveError& error) {
        message = error.what();
        EXPECT_EQ(error.exit_code(), ExitCode::failure);
      }
      EXPECT_THAT(message, AllOf(HasSubstr(method.name + ": A is of deficient rank"),
                                 HasSubstr("leave out dependent columns or give a ridge above 0")));
      if (method.name == "tsqr") {
        EXPECT_THAT(message, HasSubstr("diagonal entry 3 of R is "));
      }
    }
    data.spec.ridge = 1e-3;
    for (const LeastSquaresMethod& method : exact_methods())
      // Normal equations lose condition^2 u here: smallest singular value sqrt(1e-3).
      EXPECT_LE(method.run(comm, data, Precision::f64).quality.error, 1e-12) << method.name;
  });
}

TEST_P(LeastSquaresRefusals, NameTheTestRowThatIsNoNumber) {
  on_ranks([](const Communicator& comm) {
    LeastSquaresData data = LeastSquaresData::generated(least_squares_spec(20, 2));
    data.spec.test_rows = 9;
    data.test_a = Array<double>(1, 9, 2);
    data.test_b = Array<double>(1, 9, 1);
    data.test_b(0, 7, 0) = NAN;
    EXPECT_THAT(refusal([&] { reference_of<double>(comm, data); }),
                HasSubstr("dataset /b_test holds a number that is not finite at row 7, column 0"));
  });
}

INSTANTIATE_TEST_SUITE_P(Ranks, LeastSquaresRefusals, contract_ranks(), rank_count_name);

}  // namespace
}  // namespace breakeven::testing_support
