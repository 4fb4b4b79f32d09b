#include <gmock/gmock.h>

#include <map>

#include "base/error.hpp"
#include "methods/regression/kronecker_regression/quantum.hpp"
#include "methods/regression/kronecker_spectral/quantum.hpp"
#include "support/kronecker_runs.hpp"

// Requests that the Kronecker problems refuse, each with option, bound and value.
namespace breakeven::testing_support {
namespace {

using testing::HasSubstr;
namespace spectral = regression::kronecker_spectral;
namespace kronecker = regression::kronecker_regression;
using Problem = KroneckerRegressionProblem<double>;

template <class Call>
std::string refusal(const Call& call) {
  try {
    call();
  } catch (const BadRequest& error) {
    return error.what();
  }
  return "";
}

std::string refusal_of(const KroneckerRegressionSpec& spec) {
  return refusal([&] { Problem::validate(Problem::normalised(spec)); });
}

TEST(KroneckerRefusals, NameTheSizesThatDoNotFit) {
  EXPECT_THAT(refusal_of(kronecker_spec(3, 4)), HasSubstr("n must be at least d = 4, got 3"));
  EXPECT_THAT(refusal_of(kronecker_spec(40, 4, "gaussian", 3)), HasSubstr("n2 must be at least d2 = 4, got 3"));
  EXPECT_THAT(refusal_of(kronecker_spec(40, 0)), HasSubstr("d must be at least 1, got 0"));
  EXPECT_THAT(refusal_of(kronecker_spec(40, 2, "gaussian", 0, -1)), HasSubstr("d2 must be at least 1, got -1"));
  EXPECT_THAT(refusal_of(kronecker_spec(40, 33)), HasSubstr("d d2, the columns of the product, must be at most 1024"));
  EXPECT_EQ(refusal_of(kronecker_spec(40, 32)), "");
  EXPECT_THAT(refusal_of(kronecker_spec(Index{1} << 40, 32)), HasSubstr("must be at most 2^56"));
  auto spec = kronecker_spec(40, 4);
  spec.noise = -1;
  EXPECT_THAT(refusal_of(spec), HasSubstr("noise must be at least 0 and finite, got -1"));
  spec.noise = NAN;
  EXPECT_THAT(refusal_of(spec), HasSubstr("noise must be at least 0"));
}

TEST(KroneckerRefusals, TwoSpellingsOfEqualFactorsAreOneSpecification) {
  const auto settled = Problem::normalised(kronecker_spec(40, 4, "gaussian", 40, 4));
  EXPECT_EQ(settled.n2, 0);
  EXPECT_EQ(settled.d2, 0);
  EXPECT_EQ(settled.second_rows(), 40);
  EXPECT_EQ(settled.second_columns(), 4);
}

TEST(KroneckerRefusals, NameTheSampleThatIsTooSmall) {
  const auto spec = kronecker_spec(40, 4);
  const auto pairs = [&](Index samples, double tolerance) {
    return refusal([&] { spectral::LeveragePairs<double>::validate(spec, {samples, tolerance, 1}); });
  };
  EXPECT_THAT(pairs(15, NAN), HasSubstr("samples must be at least d d2 = 16, got 15"));
  EXPECT_THAT(pairs(100, 0.5), HasSubstr("samples and tolerance exclude each other"));
  EXPECT_THAT(pairs(unknown_index, 1e-9), HasSubstr("samples must be at most 2^40"));
  EXPECT_EQ(pairs(16, NAN), "");
  EXPECT_THAT(refusal([&] {
                kronecker::LeveragePairs<double>::validate(spec, {15, NAN, 1});
              }),
              HasSubstr("samples must be at least d d2 = 16, got 15"));
  EXPECT_THAT(refusal([&] {
                spectral::ProductSketch<double>::validate(spec, {3, NAN, "count", 1});
              }),
              HasSubstr("rows must be at least d = 4, got 3"));
  EXPECT_THAT(refusal([&] {
                kronecker::ProductSketch<double>::validate(spec, {3, NAN, 1});
              }),
              HasSubstr("rows must be at least d = 4, got 3"));
  EXPECT_THAT(refusal([&] {
                kronecker::ProductSketch<double>::validate(spec, {Index{1} << 31, NAN, 1});
              }),
              HasSubstr("rows must be below 2^31"));
  kronecker::QuantumParams quantum;
  quantum.oversampling = 0;
  EXPECT_THAT(refusal([&] { kronecker::Quantum<double>::validate(spec, quantum); }),
              HasSubstr("oversampling must be positive and finite, got 0"));
}

TEST(KroneckerRefusals, NameAToleranceOutsideItsBounds) {
  const auto spec = kronecker_spec(40, 4);
  for (const auto& [tolerance, text] : {std::pair{0.0, "0"}, {1.0, "1"}, {1.5, "1.5"}, {-0.25, "-0.25"}}) {
    const std::string expected = "tolerance must lie in (0, 1), got " + std::string(text);
    const auto refused = [&]<class M>(std::type_identity<M>) {
      typename M::Params params;
      params.tolerance = tolerance;
      EXPECT_EQ(refusal([&] { M::validate(spec, params); }), expected) << M::name;
      params.tolerance = 0.5;
      EXPECT_EQ(refusal([&] { M::validate(spec, params); }), "") << M::name;
      params.draw = -1;
      EXPECT_EQ(refusal([&] { M::validate(spec, params); }), "draw must be at least 0, got -1") << M::name;
    };
    refused(std::type_identity<spectral::LeveragePairs<double>>());
    refused(std::type_identity<spectral::ProductSketch<double>>());
    refused(std::type_identity<spectral::Quantum<double>>());
    refused(std::type_identity<kronecker::LeveragePairs<double>>());
    refused(std::type_identity<kronecker::ProductSketch<double>>());
    refused(std::type_identity<kronecker::Quantum<double>>());
  }
}

/// Shapes and values as a test chose them.
class Shapes final : public InputFile {
 public:
  explicit Shapes(std::map<std::string, Shape, std::less<>> shapes) : shapes_(std::move(shapes)) {}
  std::string path() const override { return "some/where/factors.h5"; }
  std::string sha256() const override { return "abc"; }
  void adopt_sha256(const std::string&) override {}
  bool has(std::string_view name) const override { return shapes_.contains(name); }
  Shape shape(std::string_view name) const override { return shapes_.find(name)->second; }
  void read(std::string_view name, Index, Range range, std::span<float> out) const override { fill(name, range, out); }
  void read(std::string_view name, Index, Range range, std::span<double> out) const override { fill(name, range, out); }

 private:
  template <class T>
  void fill(std::string_view name, Range range, std::span<T> out) const {
    std::fill(out.begin(), out.end(), T(1));
    if (name == "b" && range.begin <= 7 && 7 < range.end) {
      const auto row = static_cast<std::size_t>(7 - range.begin);
      out[row * out.size() / static_cast<std::size_t>(range.size()) + 2] = T(NAN);
    }
  }
  std::map<std::string, Shape, std::less<>> shapes_;
};

KroneckerRegressionSpec open_spec() {
  KroneckerRegressionSpec spec;
  spec.n = spec.d = spec.n2 = spec.d2 = unknown_index;
  spec.noise = NAN;
  return spec;
}

TEST(KroneckerInput, GivesTheSizesAndRefusesOthers) {
  const Shapes file({{"a1", {50, 4}}, {"a2", {50, 3}}, {"b", {50, 50}}});
  auto spec = Problem::from_input(open_spec(), file);
  EXPECT_EQ(spec.n, 50);
  EXPECT_EQ(spec.d, 4);
  EXPECT_EQ(spec.n2, 0);  // as many rows as A1
  EXPECT_EQ(spec.d2, 3);
  auto first_rows = open_spec();
  first_rows.n = 20;
  spec = Problem::from_input(first_rows, file);
  EXPECT_EQ(spec.second_rows(), 20);  // the leading block of B: one curve over n from one file

  const auto refused = [&](Index KroneckerSpec::*size, Index value, const Shapes& from) {
    auto wanted = open_spec();
    wanted.*size = value;
    return refusal([&] { Problem::validate(Problem::from_input(wanted, from)); });
  };
  EXPECT_THAT(refused(&KroneckerSpec::n, 51, file), HasSubstr("n must be at most 50, the rows of /a1"));
  EXPECT_THAT(refused(&KroneckerSpec::n2, 51, file), HasSubstr("n2 must be at most 50, the rows of /a2"));
  EXPECT_THAT(refused(&KroneckerSpec::d, 5, file), HasSubstr("d must be 4 as in the input file, got 5"));
  EXPECT_THAT(refused(&KroneckerSpec::d2, 0, file), HasSubstr("d2 must be 3 as in the input file, got 4"));
  const Shapes misshapen({{"a1", {50, 4}}, {"a2", {40, 3}}, {"b", {40, 50}}});
  EXPECT_THAT(refused(&KroneckerSpec::n, 20, misshapen), HasSubstr("/b must be 50 x 40"));
  EXPECT_THAT(refused(&KroneckerSpec::n, 20, misshapen), HasSubstr("is 40 x 50"));
  const Shapes stacked({{"a1", {2, 50, 4}}, {"a2", {50, 3}}, {"b", {50, 50}}});
  EXPECT_THAT(refused(&KroneckerSpec::n, 20, stacked), HasSubstr("/a1 must be a matrix, has 3 dimensions"));
  auto with_noise = open_spec();
  with_noise.noise = 1;
  EXPECT_THAT(refusal([&] { Problem::from_input(with_noise, file); }), HasSubstr("noise must not be given"));
}

TEST(KroneckerInput, ANaNInBIsFoundWithItsPlace) {
  const auto file = std::make_shared<Shapes>(
      std::map<std::string, Shape, std::less<>>{{"a1", {50, 4}}, {"a2", {50, 3}}, {"b", {50, 50}}});
  const auto spec = Problem::from_input(open_spec(), *file);
  const FileSource<double> source(file);
  for (const int rank : {0, 1}) {
    const auto bad = Problem(spec, source, Layout::contiguous(50, 2), rank).first_bad_value();
    ASSERT_EQ(bad.has_value(), rank == 0);
    if (bad) {
      EXPECT_THAT(bad->message, HasSubstr("dataset /b holds NaN at row 7, column 2"));
    }
  }
}

}  // namespace
}  // namespace breakeven::testing_support
