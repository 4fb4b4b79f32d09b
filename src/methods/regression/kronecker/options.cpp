#include "methods/regression/kronecker/options.hpp"

#include <cmath>
#include <string>

#include "base/error.hpp"
#include "base/value.hpp"
#include "methods/regression/refusals.hpp"
#include "methods/regression/saving.hpp"

namespace breakeven::regression {
namespace {

constexpr Index most_draws = Index{1} << 40;

}  // namespace

Index rounded_up(double count) {
  return count < static_cast<double>(most_draws) ? static_cast<Index>(std::ceil(count)) : most_draws + 1;
}

void require_one_of(std::string_view count_option, Index count, double tolerance) {
  const std::string option(count_option);
  if (std::isnan(tolerance)) return;
  if (count != unknown_index)
    throw BadRequest(option + " and tolerance exclude each other: one is found from the other; got " + option + " " +
                     std::to_string(count) + " and tolerance " + to_text(Value(tolerance)));
  validate_tolerance(tolerance);
}

void require_draws(std::string_view option, Index draws, std::string_view unknowns_text, Index unknowns) {
  if (draws < unknowns)
    throw BadRequest(std::string(option) + " must be at least " + std::string(unknowns_text) + " = " +
                     std::to_string(unknowns) + ", got " + std::to_string(draws) +
                     "; fewer rows than columns have no full rank");
  if (draws > most_draws)
    throw BadRequest(std::string(option) + " must be at most 2^40, got more; take a larger tolerance");
}

Index rows_for_whitened_error(Index d, double tolerance) {
  const double each = std::sqrt(1 + tolerance) - 1;
  return rounded_up(4 * static_cast<double>(d) / (each * each));
}

Index rows_for_excess(Index d, Index d2, double tolerance) {
  const auto sum = static_cast<double>(d + d2), unknowns = static_cast<double>(d * d2);
  return rounded_up((sum + std::sqrt(sum * sum + 4 * tolerance * unknowns)) / (2 * tolerance) + sum);
}

std::string saving_note_of_factors(const KroneckerSpec& spec, std::array<Index, 2> kept) {
  const int factor = kept[0] < spec.n ? 0 : 1;
  return saving_note(static_cast<double>(kept[static_cast<std::size_t>(factor)]),
                     static_cast<double>(spec.rows(factor)));
}

std::string saving_note_of_pairs(const KroneckerSpec& spec, Index pairs) {
  return saving_note(static_cast<double>(pairs), static_cast<double>(spec.n) * static_cast<double>(spec.second_rows()));
}

}  // namespace breakeven::regression
