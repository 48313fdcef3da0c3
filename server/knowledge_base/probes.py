"""Everyday and encyclopaedic questions that few knowledge bases are about.

They show how far an unrelated question gets in a knowledge base by chance. Many subjects, a few
questions each: a knowledge base about one of the subjects does not change the picture.
"""

from collections.abc import Mapping
from types import MappingProxyType

from server.datatypes import Language

ENGLISH = """
How long should rice be soaked before it is cooked?
What is the difference between baking soda and baking powder?
Which spices go into a traditional Indian curry?
How do I keep sliced apples from turning brown?
At what temperature does chocolate begin to melt?
How many bones does an adult human body have?
Why do cats purr when they are asleep?
How long do elephants carry their young?
Which bird lays the largest egg?
What do koalas eat apart from eucalyptus leaves?
How do bees find their way back to the hive?
Who was the first emperor of Rome?
In which year did the French Revolution begin?
Which treaty ended the First World War?
Who discovered the sea route from Europe to India?
Why was the Great Wall of China built?
Which pharaoh ordered the largest pyramid at Giza?
What is the longest river in South America?
Which country has the most islands?
How deep is the deepest point of the ocean?
What causes the northern lights?
Why is the sky blue during the day and red at sunset?
How far away is the nearest star other than the Sun?
How many moons does Jupiter have?
Who was the first woman in space?
Who wrote the play about the prince of Denmark?
Which novel begins with a man who wakes up as an insect?
Who composed the opera about a barber in Seville?
How many strings does a violin have?
Which painter cut off a part of his own ear?
In which city is the museum that shows the Mona Lisa?
How is a tie broken in a tennis match?
How many players of a volleyball team are on the court?
What is the offside rule in football?
Who holds the world record for the marathon?
How long is a round in professional boxing?
What is the best way to get rid of hiccups?
How much sleep does a newborn baby need?
Which vitamin does the skin make in sunlight?
What are the symptoms of a vitamin C deficiency?
How do I remove chewing gum from a carpet?
How often should a bonsai tree be repotted?
When is the right time to prune roses?
How do I teach a puppy to walk on a lead?
What should I pack for a week of camping in the mountains?
How do I wax a pair of cross-country skis?
Which knot is used to join two ropes?
How does a sewing machine form a stitch?
How is paper made from wood?
What is the grammatical gender of the German word for girl?
How many letters does the Greek alphabet have?
Which language has the most native speakers?
What does a totem pole stand for?
How do Mexicans celebrate the Day of the Dead?
Which prime number comes after thirty-one?
What is the square root of two hundred and twenty-five?
How fast does sound travel under water?
Why does ice float on a lake?
Which metal is liquid at room temperature?
How do volcanoes form at the edge of a plate?
How is the strike price of a stock option chosen?
What was the name of the currency of Italy before the euro?
Which spirit is the base of a classic mojito?
How long does a sourdough starter take to become active?
Why do onions make people cry?
Which side dish goes with roast goose at Christmas?
How many legs does a spider have?
What is the fastest land animal?
Why do salmon swim up the river to spawn?
How long can a camel go without drinking?
Which king of England had six wives?
What caused the fall of Constantinople?
Who led the slave revolt against the Romans?
When did women get the right to vote in Switzerland?
What is the smallest independent state in the world?
On which continent is the Kalahari desert?
What is the capital of New Zealand?
Which mountain range separates France from Spain?
How does a total solar eclipse happen?
What is a black hole made of?
Which philosopher taught Alexander the Great?
What is the moral of the fable of the tortoise and the hare?
Which film won the Oscar for best picture in 1994?
Who sang the title song of the film about the sinking ship?
How do you tune a ukulele?
What is the difference between a waltz and a tango?
How many points is a bullseye worth in darts?
Which country won the first football World Cup?
How do I treat a bee sting?
What helps against seasickness on a ferry?
How do I fold a fitted bed sheet?
How can I get candle wax out of a tablecloth?
When should tulip bulbs be planted?
How do I stop my dog from barking at the postman?
What do monks do during a day in a Buddhist monastery?
Which days are fasting days in Ramadan?
How is parmesan cheese aged?
What does the Latin phrase carpe diem mean?
How many degrees are the angles of a triangle in total?
How was the first vaccine against smallpox discovered?
"""

CHINESE = """
糯米在蒸之前要泡多长时间？
小苏打和泡打粉有什么区别？
麻婆豆腐要放哪几种调料？
切开的苹果怎样才不会变黑？
巧克力在多少度开始融化？
成年人身上一共有多少块骨头？
猫睡着的时候为什么会打呼噜？
大象怀孕要多少个月？
世界上最大的鸟蛋是什么鸟下的？
熊猫除了竹子还吃什么？
蜜蜂是怎么找到回巢的路的？
罗马帝国的第一位皇帝是谁？
法国大革命是哪一年爆发的？
哪个条约结束了第一次世界大战？
郑和一共下过几次西洋？
秦始皇为什么要修建长城？
胡夫金字塔里埋的是哪位法老？
南美洲最长的河流叫什么名字？
哪个国家的岛屿数量最多？
海洋最深的地方有多少米？
北极光是由什么引起的？
为什么天空白天是蓝色而傍晚是红色？
离太阳最近的恒星有多远？
木星一共有多少颗卫星？
第一位进入太空的女性叫什么？
《红楼梦》里林黛玉的父亲是谁？
哪部小说的主人公一觉醒来变成了甲虫？
《梁祝》小提琴协奏曲是谁写的？
二胡有几根弦？
《清明上河图》画的是哪座城市？
《蒙娜丽莎》收藏在哪个博物馆？
网球比赛的抢七是怎么算分的？
排球场上一个队有几名队员？
足球里的越位是什么意思？
马拉松的世界纪录由谁保持？
围棋的棋盘上有多少个交叉点？
怎样才能最快止住打嗝？
刚出生的婴儿每天要睡多少小时？
晒太阳时皮肤会合成哪种维生素？
缺乏维生素C会有哪些症状？
粘在地毯上的口香糖怎么去掉？
盆景多长时间换一次盆？
月季花在什么时候修剪最好？
怎么教小狗学会定点上厕所？
去高原旅行要提前准备哪些药？
滑雪板怎么打蜡？
两根绳子用什么结接起来最牢？
缝纫机是怎样把线缝到布上的？
古代的宣纸是用什么做的？
德语里的名词有几种性？
希腊字母表有多少个字母？
世界上母语人数最多的是哪种语言？
端午节为什么要赛龙舟？
二十四节气里哪一天白天最长？
三十一后面的质数是多少？
二百二十五的平方根等于几？
声音在水里传播得有多快？
冰为什么会浮在湖面上？
哪种金属在常温下是液体？
火山为什么多在板块的边缘？
期权的行权价是怎么定的？
意大利在使用欧元之前用的是什么货币？
莫吉托鸡尾酒用的是哪种基酒？
自制酸奶要发酵几个小时？
切洋葱的时候为什么会流眼泪？
饺子皮怎么擀才能中间厚边上薄？
蜘蛛一共有几条腿？
陆地上跑得最快的动物是什么？
三文鱼为什么要逆流而上产卵？
骆驼不喝水能坚持多少天？
武则天是哪一年称帝的？
赤壁之战是谁打败了曹操？
陈胜吴广为什么起义？
丝绸之路的起点在什么地方？
世界上面积最小的国家是哪一个？
撒哈拉沙漠在哪个大洲？
新西兰的首都是哪座城市？
法国和西班牙之间隔着什么山脉？
日全食是怎样发生的？
黑洞是由什么组成的？
亚历山大大帝的老师是哪位哲学家？
龟兔赛跑的故事说明了什么道理？
《霸王别姬》获得过哪个电影节的大奖？
《泰坦尼克号》的主题曲是谁唱的？
尤克里里怎么调音？
华尔兹和探戈有什么不同？
乒乓球一局打到多少分算赢？
第一届奥运会是在哪里举行的？
被蜜蜂蜇了应该怎么处理？
坐船晕船有什么办法缓解？
羽绒服怎么洗才不会结块？
桌布上的蜡油怎么去除？
郁金香的种球什么时候种下去？
怎样让狗不再对着快递员乱叫？
和尚在寺庙里一天要做些什么？
斋月里哪些时间不能吃东西？
金华火腿是怎样腌制的？
“醉翁之意不在酒”出自哪篇文章？
三角形的内角加起来是多少度？
天花疫苗最早是怎么发现的？
"""

FOREIGN_QUESTIONS: Mapping[Language, tuple[str, ...]] = MappingProxyType(
    {"en": tuple(ENGLISH.strip().splitlines()), "zh": tuple(CHINESE.strip().splitlines())}
)
