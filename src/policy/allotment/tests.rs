//! Properties of the budget.
