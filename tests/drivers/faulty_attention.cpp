#include "driver.hpp"
#include "registry.hpp"
#include "support/faulty_methods.hpp"

/// The attention driver with the methods of support/faulty_methods.hpp beside the real ones.
int main(int argc, char** argv) {
  breakeven::Registry registry = breakeven::registry();
  breakeven::testing_support::add_faulty_methods(registry);
  return breakeven::drive(argc, argv, "attention", registry);
}
