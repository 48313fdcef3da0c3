"""Small documents with known contents."""

PUMP_EN = (
    "# Pump manual\n\n"
    "The circulation pump P-200 moves 12 litres per minute. "
    "Replace its filter every 90 days.\n\n"
    "## Warranty\n\nThe warranty of the pump is 24 months from delivery. "
    "Damage by dry running is not covered.\n"
)
LEAVE_ZH = (
    "# 员工手册\n\n## 年假\n\n员工入职满一年后，每年享有 10 天带薪年假。满五年后增加到 15 天。\n\n"
    "## 报销\n\n差旅费用须在出差结束后 30 天内提交报销单，逾期不予受理。\n"
)
CANTEEN_ZH = "食堂每天十一点半开始供应午餐。晚餐从下午六点开始，周末不供应晚餐。\n"
GARDEN_EN = "Tomatoes need six hours of sun. Water the basil in the morning, not at night.\n"
